"""All settings: the one table behind checks, variables, documentation and types.

A setting says which part of the kit uses it. What sets one whose part is not in
`BUILT_PARTS` yet is told that it has no effect.
"""

from typing import Final, Literal, TypeAlias, get_args

from ipfs_kit_py._config.fields import Section, derived, field, nested, optional, refused
from ipfs_kit_py._config.kinds import (
    DURATION,
    FLAG,
    PATH,
    PLUGINS,
    SECRET,
    SIZE,
    TABLE,
    TEXT,
    TEXTS,
    Choice,
    Integer,
    Size,
)
from ipfs_kit_py._config.quantities import GIB, KIB, MIB
from ipfs_kit_py._hashing import DEFAULT_PROFILE

Role: TypeAlias = Literal["leecher", "worker", "master"]
EngineName: TypeAlias = Literal["auto", "embedded", "kubo"]
Profile: TypeAlias = Literal["unixfs-v1-2025", "unixfs-v0-2015"]
Level: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
TierName: TypeAlias = Literal["memory", "disk"]
Consensus: TypeAlias = Literal["crdt", "raft"]

ROLE: Final = Choice[Role](get_args(Role))
ENGINE: Final = Choice[EngineName](get_args(EngineName))
PROFILE: Final = Choice[Profile](get_args(Profile))
LEVEL: Final = Choice[Level](get_args(Level))
TIER: Final = Choice[TierName](get_args(TierName))
CONSENSUS: Final = Choice[Consensus](get_args(Consensus))
POSITIVE: Final = Integer(1)
COPIES: Final = Integer(1, also=(-1,))

PARTS: Final = {
    "core": "The kit and its repository",
    "kubo": "Kubo",
    "gateway": "Gateways",
    "network": "Network",
    "cache": "Cache",
    "cache_sources": "Sources behind the cache",
    "libp2p": "libp2p",
    "cluster": "Cluster",
    "tasks": "Tasks",
    "metadata_index": "Metadata index",
    "knowledge_graph": "Knowledge graph",
    "ai_ml": "AI and machine learning",
    "monitoring": "Monitoring",
    "s3": "S3",
    "pinning": "Remote pinning",
    "storacha": "Storacha",
    "extensions": "Tests and own settings",
}
"""Parts of the kit, with their titles in the reference."""

BUILT_PARTS: Final = frozenset(
    {
        *("ai_ml", "core", "cache", "cache_sources", "gateway", "kubo", "pinning", "s3"),
        "storacha",
    }
)
"""Parts that exist: settings of all others have no effect yet."""

OTHER_VARIABLES: Final = {
    "IPFS_KIT_CONFIG_PATH": "The configuration file to read.",
    "IPFS_KIT_SHA256_KERNEL": "The SHA2-256 code to hash with, for tests.",
    "IPFS_KIT_CHUNKER_KERNEL": "The rabin and buzhash code to cut with, for tests.",
    "IPFS_KIT_SCALE": "Share of a long test's full size to run it at.",
    "IPFS_KIT_TRACES": "Folder of the cache traces that tests replay.",
    "IPFS_KIT_REQUIRE_REAL": "Whether a test fails for want of a real program.",
    "IPFS_KIT_AUTH_ENABLED": "Whether the REST server asks for a token.",
    "IPFS_KIT_AUTH_TOKEN": "The token that the REST server asks for.",
    "IPFS_KIT_CORS_ORIGINS": "Origins that may call the REST server from a browser.",
    "IPFS_KIT_MAX_UPLOAD_SIZE": "Largest upload that the REST server takes.",
    "IPFS_KIT_METRICS_ENABLED": "Whether the REST server gives metrics.",
    "IPFS_KIT_RATE_LIMIT": "Requests a minute that the REST server answers.",
    "IPFS_KIT_RATE_LIMIT_ENABLED": "Whether the REST server limits requests.",
    "IPFS_KIT_BIN_DIR": "Folder of the programs that the kit runs.",
    "IPFS_KIT_SERVER_FILE": "The REST server's file.",
}
"""Variables with our prefix that are read elsewhere, and are no settings."""


def _data_folder() -> str:
    import platformdirs

    return platformdirs.user_data_dir("ipfs-kit", appauthor=False)


class LoggingConfig(Section, part="core"):
    """What is logged, and where."""

    level = field(
        LEVEL,
        "WARNING",
        "Least important messages that are logged.",
        variables=("IPFS_KIT_LOG_LEVEL",),
    )
    file = optional(
        PATH,
        "File that messages are appended to; stderr if not given.",
        variables=("IPFS_KIT_LOG_FILE",),
    )


class TimeoutsConfig(Section, part="network"):
    """How long others may take to answer."""

    api = field(
        DURATION,
        60.0,
        "How long a source of blocks, such as a node's API, may take to answer.",
        part="core",
    )
    gateway = field(
        DURATION, 30.0, "How long a gateway may send nothing.", part="gateway"
    )
    peer_connect = field(
        DURATION,
        10.0,
        "How long a node, gateway, store or service may take to accept a connection.",
        part="core",
    )


# The words of other caches of this name, which are no part of the algorithm.
_PLAIN_ARC: Final = "the memory tier is ARC as published, which tunes itself"


class ArcConfig(Section, part="cache"):
    """Nothing that can be set."""

    ghost_list_size = refused(_PLAIN_ARC)
    frequency_weight = refused(_PLAIN_ARC)
    recency_weight = refused(_PLAIN_ARC)
    access_boost = refused(_PLAIN_ARC)
    heat_decay_hours = refused(_PLAIN_ARC)
    initial_p = refused(_PLAIN_ARC)


class CacheConfig(Section, part="cache"):
    """What is kept of what was read."""

    memory_cache_size = field(
        SIZE,
        100 * MIB,
        "Most bytes in the memory tier.",
        aliases=("cache.memory_size",),
    )
    disk_cache_path = field(
        PATH,
        "~/.ipfs_cache",
        "Folder of the disk tier.",
        aliases=("cache_config.local_cache_path", "cache.disk_path"),
    )
    disk_cache_size = field(
        # The packs of less would be too small for blocks.
        Size(MIB, also=(0,)),
        GIB,
        "Most bytes in the disk tier; 0 to keep blocks in memory alone.",
        aliases=("cache_config.local_cache_size", "cache.disk_size"),
    )
    min_item_size = field(SIZE, 4 * KIB, "Smaller items always go to memory.")
    max_memory_item_size = field(
        SIZE,
        50 * MIB,
        "Larger items never go to memory.",
        aliases=("cache_config.max_item_size",),
    )
    min_access_count = field(
        POSITIVE, 1, "Readings of an item before memory takes it from below."
    )
    prefetch_enabled = field(
        FLAG, True, "Whether what will probably be read next is fetched ahead."
    )
    enable_memory_mapping = field(
        FLAG,
        True,
        "Whether blocks on the disk are mapped rather than read.",
        aliases=("cache.use_mmap", "cache_config.use_mmap"),
    )
    promotion_threshold = field(
        POSITIVE, 1, "Readings of an item from the disk that bring it into memory."
    )
    default_tier = field(TIER, "memory", "The highest tier that `put` fills.")
    demotion_threshold = refused("ARC alone decides what leaves the memory tier")
    tiers = refused("they are memory and disk, each with settings of its own")
    replication_policy = refused("`min_item_size` and `default_tier` say what is in both")
    external_backends = field(
        TABLE, {}, "Remote tiers, by name: s3, storacha.", part="cache_sources"
    )
    arc = nested(ArcConfig)


class ClusterConfig(Section, part="cluster"):
    """How cluster peers work together."""

    secret = optional(
        TEXT, "The secret that all peers of the cluster share.", secret=True
    )
    replication_factor = field(
        COPIES, -1, "Peers that keep each pin; -1 for all of them."
    )
    consensus = field(
        CONSENSUS,
        "crdt",
        "How peers agree on the pins.",
        aliases=("cluster_config.consensus_protocol",),
    )
    state_sync_interval = field(
        DURATION, 300.0, "How often peers compare the state of the cluster."
    )


class WorkerResources(Section, part="tasks"):
    """What a worker offers."""

    processing_threads = optional(POSITIVE, "Threads for tasks; one a CPU if not given.")
    gpu_enabled = field(FLAG, False, "Whether tasks may use the GPU.")
    max_memory = optional(
        SIZE, "Most bytes of memory for tasks.", aliases=("resources.max_memory",)
    )


class Libp2pConfig(Section, part="libp2p"):
    """The kit's own libp2p peer."""

    identity_path = optional(PATH, "File of the peer's private key; made if not there.")
    listen_addrs = field(TEXTS, (), "Multiaddresses to listen on.")
    enable_mdns = field(FLAG, True, "Whether peers in the local network are looked for.")
    enable_hole_punching = field(FLAG, False, "Whether NATs are traversed.")
    enable_relay = field(FLAG, False, "Whether relays are used.")


class KnowledgeGraphConfig(Section, part="knowledge_graph"):
    """The knowledge graph."""

    base_path = field(PATH, "~/.ipfs_graph", "Folder of the graph.")
    schema_version = field(TEXT, "1.0.0", "Version of the graph's schema.")


class S3Config(Section, part="s3"):
    """An S3-compatible store."""

    access_key_id = optional(
        TEXT,
        "Name of the access key.",
        aliases=("s3cfg.accessKey", "s3cfg.aws_access_key_id"),
    )
    secret_access_key = optional(
        SECRET,
        "The access key's secret.",
        aliases=("s3cfg.secretKey", "s3cfg.aws_secret_access_key"),
        secret=True,
    )
    session_token = optional(
        SECRET,
        "Token of a temporary access key.",
        aliases=("s3cfg.sessionToken", "s3cfg.aws_session_token"),
        secret=True,
    )
    profile = optional(
        TEXT,
        "Profile of AWS's files to take the key from.",
        aliases=("s3cfg.profile_name",),
    )
    anonymous = field(FLAG, False, "Whether requests are not signed.")
    endpoint_url = optional(
        TEXT, "Where the store is, if not at AWS.", aliases=("s3cfg.endpoint",)
    )
    region = optional(
        TEXT,
        "Region of the buckets; us-east-1 if nothing says another.",
        aliases=("s3cfg.region_name",),
    )
    path_style = field(
        FLAG, True, "Whether the bucket stands in the URL's path, not in its host."
    )
    bucket = optional(TEXT, "The bucket of calls that name none.")
    prefix = optional(
        TEXT, "Folder in the bucket that blocks are read from, if both are given."
    )
    etag_is_md5 = field(
        FLAG, True, "Whether ETags are MD5; false for buckets encrypted by KMS."
    )


class StorachaConfig(Section, part="storacha"):
    """An upload service of Storacha. The hosted one ended, so nothing is the default."""

    endpoint = optional(
        TEXT,
        "Where the service is; its bridge is `/bridge` there.",
        variables=("IPFS_KIT_STORACHA_ENDPOINT",),
    )
    gateway = optional(
        TEXT,
        "Gateway that what the service has is read from, as a source too.",
        variables=("IPFS_KIT_STORACHA_GATEWAY",),
    )
    secret = optional(
        SECRET,
        "What goes into `X-Auth-Secret` at the bridge.",
        variables=("IPFS_KIT_STORACHA_SECRET",),
        secret=True,
    )
    space = optional(
        TEXT,
        "The space of calls that name none, by its name or DID.",
        variables=("IPFS_KIT_STORACHA_SPACE",),
    )
    # With what Filecoin adds to it, it fits into a piece of 128 MiB.
    shard_size = field(
        SIZE, 127 * MIB, "Most bytes of a CAR that goes up in one request."
    )


class Config(Section, part="core"):
    """Everything that can be set, checked and merged."""

    role = field(ROLE, "leecher", "What this node is to others.")
    ipfs_path = derived(
        PATH,
        _data_folder,
        "the platform's folder for user data",
        "Folder of the repository.",
        foreign=("IPFS_PATH",),
    )
    engine = field(
        ENGINE,
        "auto",
        "Who keeps the blocks: ourselves, Kubo, or whoever's repository is there.",
    )
    cid_profile = field(
        PROFILE,
        PROFILE.check(DEFAULT_PROFILE),
        "Import parameters that decide the CID of a file.",
    )
    offline = field(FLAG, False, "Whether nothing outside this machine is asked.")
    storage_quota = optional(
        SIZE,
        "Most bytes that all blocks may take on the disk.",
        aliases=("worker_resources.storage_quota", "resources.max_storage"),
    )
    plugins = field(PLUGINS, (), "Extensions, by name or as tables.")
    config_path = optional(PATH, "The configuration file to read; never said in one.")
    logging = nested(LoggingConfig)

    api_url = optional(
        TEXT, "URL or multiaddress of the API of a Kubo node.", part="kubo"
    )
    socket_path = optional(PATH, "Socket of the API of a Kubo node.", part="kubo")
    api_auth = optional(
        SECRET,
        "How the API of a Kubo node lets us in: bearer:TOKEN or basic:USER:PASSWORD.",
        part="kubo",
        secret=True,
    )
    auto_download_binaries = field(
        FLAG,
        False,
        "Whether programs that are missing are downloaded.",
        part="network",
        variables=("IPFS_KIT_AUTO_INSTALL_BINARIES",),
    )
    timeouts = nested(TimeoutsConfig)
    cache_config = nested(CacheConfig)

    gateway_urls = optional(
        TEXTS,
        "Gateways to read from, `public` for well-known ones; if not given, those that"
        " `IPFS_GATEWAY` or a file `gateway` names (IPIP-280).",
        part="gateway",
    )
    routing_urls = field(
        TEXTS,
        (),
        "Delegated routers that find more gateways; `public` for a well-known one.",
        part="gateway",
    )

    enable_libp2p = field(
        FLAG, False, "Whether the kit has a libp2p peer.", part="libp2p"
    )
    bootstrap_peers = field(
        TEXTS,
        (),
        "Multiaddresses of peers to begin with.",
        part="kubo",
        aliases=("libp2p_config.bootstrap_peers",),
    )
    libp2p_config = nested(Libp2pConfig)

    enable_cluster_management = field(
        FLAG, False, "Whether the kit hands out tasks in a cluster.", part="cluster"
    )
    cluster_name = optional(TEXT, "Name of the cluster.", part="cluster")
    cluster_id = field(TEXT, "default", "Key of the cluster's state.", part="cluster")
    node_id = optional(TEXT, "Name of this node; made up if not given.", part="cluster")
    master_multiaddress = optional(
        TEXT, "Multiaddress of the master that a worker follows.", part="cluster"
    )
    master_addresses = field(TEXTS, (), "Multiaddresses of all masters.", part="cluster")
    quorum_size = optional(POSITIVE, "Nodes that must agree.", part="cluster")
    target_replication_factor = optional(
        POSITIVE, "Copies of each item to aim at.", part="cluster"
    )
    max_replication_factor = optional(
        POSITIVE, "Most copies of each item.", part="cluster"
    )
    cluster_config = nested(ClusterConfig)

    enable_processing = field(FLAG, False, "Whether this node takes tasks.", part="tasks")
    worker_resources = nested(WorkerResources)

    enable_metadata_index = field(
        FLAG, False, "Whether content is indexed.", part="metadata_index"
    )
    metadata_index_dir = field(
        PATH, "~/.ipfs_metadata", "Folder of the index.", part="metadata_index"
    )
    metadata_partition_size = field(
        POSITIVE, 1_000_000, "Records in a file of the index.", part="metadata_index"
    )
    metadata_sync_interval = field(
        DURATION, 300.0, "How often peers compare their indexes.", part="metadata_index"
    )
    metadata_auto_sync = field(
        FLAG, True, "Whether peers compare their indexes.", part="metadata_index"
    )

    enable_knowledge_graph = field(
        FLAG, False, "Whether the kit has a knowledge graph.", part="knowledge_graph"
    )
    knowledge_graph_config = nested(KnowledgeGraphConfig)

    enable_ai_ml = field(
        FLAG, False, "Whether the kit has registries of models and data.", part="ai_ml"
    )
    ai_ml_config = field(
        TABLE, {}, "Settings of your own on learning, carried along.", part="extensions"
    )

    enable_monitoring = field(
        FLAG, False, "Whether the kit collects metrics.", part="monitoring"
    )

    s3cfg = nested(S3Config)
    pinning_services = field(
        TABLE,
        {},
        "Pinning services by name, each a table of `endpoint` and `token`.",
        part="pinning",
    )
    storacha = nested(StorachaConfig)
    storacha_token = optional(
        SECRET,
        "What goes into `Authorization` at the bridge: a delegation as text.",
        part="storacha",
        aliases=("storacha.authorization", "storacha.token"),
        foreign=("W3_STORE_TOKEN",),
        secret=True,
    )

    config = field(TABLE, {}, "Settings of your own, carried along.", part="extensions")
    security = field(TABLE, {}, "Settings of your own on security.", part="extensions")
    testing = field(FLAG, False, "Whether a test is running.", part="extensions")
    allow_temp_paths = field(
        FLAG, False, "Whether folders for temporary files are allowed.", part="extensions"
    )
