#!/usr/bin/env node
// A local upload service for tests: the published service over its published in-memory
// stores, served over HTTP on loopback. Nothing outlives it.
//
//   POST /                invocations and their receipts, as CARs of agent messages
//   GET  /receipt/CID     the receipt of a task, as such a CAR
//   POST /bridge          tasks of callers who sign nothing themselves
//   GET  /ipfs/CID[/path] stored blocks, as a trustless gateway gives them; whole CARs too
//   POST /tokens          a space, and headers for the bridge, as a user's tool makes them
//
// It prints one line of JSON, which says where it is, and each request to stderr.

import * as http from 'node:http'
import * as dagJSON from '@ipld/dag-json'
import * as dagPB from '@ipld/dag-pb'
import { createServer } from '@storacha/upload-api'
import { createContext } from '@storacha/upload-api/test/context'
import { CAR, CBOR, Delegation, Message, UCAN, delegate, invoke } from '@ucanto/core'
import { ed25519 } from '@ucanto/principal'
import * as CARTransport from '@ucanto/transport/car'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'

const CAR_CODE = 0x0202
const JSON_TYPES = ['application/json', 'application/vnd.ipld.dag-json']
const CBOR_TYPES = ['application/cbor', 'application/vnd.ipld.dag-cbor']
const LINKS_OF = {
  0x55: () => [],
  [dagPB.code]: (bytes) => dagPB.decode(bytes).Links.map((link) => link.Hash),
  0x71: (bytes) => linksIn(CBOR.decode(bytes)),
}

class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

// The stores are to listen on loopback, to tell each request, and to outlive a client that
// breaks off.
const loopback = {
  ...http,
  createServer(handler) {
    const server = http.createServer(async (request, response) => {
      console.error(`${request.method} ${request.url.split('?')[0]}`)
      try {
        await handler(request, response)
      } catch (error) {
        console.error(error.message)
        response.destroy()
      }
    })
    const listen = server.listen.bind(server)
    server.listen = (ready) => listen(0, '127.0.0.1', ready)
    return server
  },
}

const context = await createContext({
  requirePaymentPlan: false,
  http: loopback,
  assert: { fail: (error) => console.error(error) },
})
context.carStoreBucket.baseURL.hostname = '127.0.0.1'
const agent = createServer({ ...context, codec: CARTransport.inbound })
const spaces = new Map()

async function invocations(request) {
  const { status = 200, headers, body } = await agent.request({
    headers: request.headers,
    body: await bodyOf(request),
  })
  return { status, headers, body }
}

async function receipt(_request, url) {
  const found = await context.agentStore.receipts.get(cidOf(url.pathname.split('/')[2]))
  if (!found.ok) throw new Refusal(404, 'no such receipt')
  const message = await Message.build({ receipts: [found.ok] })
  return CARTransport.response.encode(message)
}

async function bridge(request) {
  const issuer = await signerOf(request.headers['x-auth-secret'])
  const proof = await proofOf(request.headers.authorization)
  const type = (request.headers['content-type'] ?? '').split(';')[0].trim()
  const tasks = tasksIn(type, await bodyOf(request))
  const invoked = tasks.map(([can, subject, nb]) =>
    invoke({
      issuer,
      audience: context.id,
      capability: { can, with: subject, nb },
      proofs: [proof],
      // Two that ask the same are two invocations.
      nonce: `${Math.random()}`,
    })
  )
  const receipts = invoked.length ? await context.connection.execute(...invoked) : []
  const told = receipts.map(({ root }) => ({ p: root.data.ocm, s: root.data.sig }))
  const accepted = (request.headers.accept ?? '').split(',')[0].split(';')[0].trim()
  return CBOR_TYPES.includes(accepted)
    ? { headers: { 'content-type': accepted }, body: CBOR.encode(told) }
    : { headers: { 'content-type': JSON_TYPES[0] }, body: dagJSON.encode(told) }
}

async function signerOf(header) {
  if (!header) throw new Refusal(401, 'request has no X-Auth-Secret header')
  try {
    const { digest } = await sha256.digest(base64url.decode(header))
    return await ed25519.derive(digest)
  } catch {
    throw new Refusal(400, 'the X-Auth-Secret header is no multibase base64url')
  }
}

async function proofOf(header) {
  if (!header) throw new Refusal(401, 'request has no Authorization header')
  let found
  try {
    found = await Delegation.extract(base64url.decode(header))
  } catch {
    found = { error: true }
  }
  if (found.error) throw new Refusal(401, 'the Authorization header is no delegation')
  return found.ok
}

function tasksIn(type, body) {
  const decode = CBOR_TYPES.includes(type) ? CBOR.decode : dagJSON.decode
  let found
  try {
    found = decode(body)
  } catch {
    throw new Refusal(400, 'the body cannot be decoded')
  }
  const isTask = (it) =>
    Array.isArray(it) &&
    (it.length === 2 || it.length === 3) &&
    /^[^/]+(\/[^/]+)+$/.test(it[0]) &&
    /^did:/.test(it[1]) &&
    typeof (it[2] ?? {}) === 'object'
  if (!Array.isArray(found?.tasks) || !found.tasks.every(isTask)) {
    throw new Refusal(400, 'the body is no {"tasks": [[ability, space, arguments]]}')
  }
  return found.tasks
}

// Make a space, if there is none of this name, and what lets one into it by the bridge.
async function tokens(request) {
  const asked = JSON.parse(new TextDecoder().decode(await bodyOf(request)))
  const { name, can = ['store/*', 'upload/*'], lifetime = 3600, provisioned = true } = asked
  if (!spaces.has(name)) spaces.set(name, await ed25519.generate())
  const space = spaces.get(name)
  if (provisioned) {
    const customer = 'did:mailto:example.com:tests'
    const item = { cause: { link: () => name }, consumer: space.did(), customer }
    await context.provisionsStorage.put({ ...item, provider: context.id.did() })
  }
  const secret = crypto.getRandomValues(new Uint8Array(32))
  const { digest } = await sha256.digest(secret)
  const delegation = await delegate({
    issuer: space,
    audience: await ed25519.derive(digest),
    capabilities: can.map((it) => ({ can: it, with: space.did() })),
    expiration: UCAN.now() + lifetime,
    facts: name ? [{ space: { name, access: { type: 'public' } } }] : [],
  })
  const archive = await delegation.archive()
  const told = {
    space: space.did(),
    auth_secret: base64url.encode(secret),
    authorization: base64url.encode(archive.ok),
  }
  const body = new TextEncoder().encode(JSON.stringify(told))
  return { headers: { 'content-type': JSON_TYPES[0] }, body }
}

const blocks = new Map()
const indexed = new Set()

// Who puts a CAR into the bucket puts its blocks where they are read.
function blockOf(cid) {
  for (const [path, bytes] of context.carStoreBucket.content) {
    if (indexed.has(path)) continue
    indexed.add(path)
    for (const [key, block] of CAR.decode(bytes).blocks) {
      blocks.set(keyOf(block.cid), block.bytes)
    }
  }
  return blocks.get(keyOf(cid))
}

function keyOf(cid) {
  return base64url.encode(cid.multihash.bytes)
}

function content(request, url) {
  const [root, ...names] = url.pathname.split('/').slice(2).map(decodeURIComponent)
  let cid = cidOf(root)
  const format = url.searchParams.get('format')
  if (cid.code === CAR_CODE) {
    const { bucket, content: stored } = context.carStoreBucket
    return partOf(request, stored.get(`/${bucket}/${cid}/${cid}.car`))
  }
  const walked = []
  for (const name of names.filter(Boolean)) {
    const bytes = blockOf(cid)
    if (!bytes || cid.code !== dagPB.code) throw new Refusal(404, 'nothing there')
    walked.push([cid, bytes])
    const link = dagPB.decode(bytes).Links.find((it) => it.Name === name)
    if (!link) throw new Refusal(404, 'nothing there')
    cid = link.Hash
  }
  if (format === 'raw') return partOf(request, blockOf(cid))
  if (format !== 'car') throw new Refusal(406, 'it gives blocks and CARs')
  if (!blockOf(cid)) throw new Refusal(404, 'no such block')
  const found = new Map(walked.map(([at, bytes]) => [keyOf(at), { cid: at, bytes }]))
  collect(cid, found)
  const parts = [...found.values()]
  const held = new Map(parts.map((it) => [`${it.cid}`, it]))
  const body = CAR.encode({ roots: [parts[0]], blocks: held })
  return { headers: { 'content-type': 'application/vnd.ipld.car' }, body }
}

function collect(cid, found) {
  const bytes = blockOf(cid)
  if (!bytes || found.has(keyOf(cid))) return
  found.set(keyOf(cid), { cid, bytes })
  for (const link of (LINKS_OF[cid.code] ?? LINKS_OF[0x55])(bytes)) collect(link, found)
}

function linksIn(value) {
  if (CID.asCID(value)) return [CID.asCID(value)]
  if (value instanceof Uint8Array || typeof value !== 'object') return []
  return Object.values(value ?? {}).flatMap(linksIn)
}

function partOf(request, body) {
  if (!body) throw new Refusal(404, 'no such block')
  const headers = { 'content-type': 'application/vnd.ipld.raw', 'accept-ranges': 'bytes' }
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
  if (!asked) return { headers, body }
  const from = Number(asked[1])
  if (from >= body.length) throw new Refusal(416, 'nothing behind the end')
  headers['content-range'] = `bytes ${from}-${body.length - 1}/${body.length}`
  return { status: 206, headers, body: body.subarray(from) }
}

function cidOf(text) {
  try {
    return CID.parse(text)
  } catch {
    throw new Refusal(400, `${text} is no CID`)
  }
}

async function bodyOf(request) {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  return new Uint8Array(Buffer.concat(pieces))
}

const routes = [
  ['POST', /^\/$/, invocations],
  ['GET', /^\/receipt\/[^/]+$/, receipt],
  ['POST', /^\/bridge$/, bridge],
  ['POST', /^\/tokens$/, tokens],
  ['GET', /^\/ipfs\/.+$/, content],
]

const server = loopback.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1')
  const found = routes.find(
    ([method, path]) => request.method === method && path.test(url.pathname)
  )
  let reply
  try {
    if (!found) throw new Refusal(404, 'nothing there')
    reply = await found[2](request, url)
  } catch (error) {
    if (!error.status) console.error(error)
    const body = new TextEncoder().encode(error.status ? error.message : 'it failed')
    reply = { status: error.status ?? 500, headers: { 'content-type': 'text/plain' }, body }
  }
  const headers = { ...reply.headers, 'content-length': reply.body.length }
  response.writeHead(reply.status ?? 200, headers)
  response.end(reply.body)
})

server.listen(() => {
  const url = `http://127.0.0.1:${server.address().port}`
  console.log(JSON.stringify({ url, did: context.id.did() }))
})
