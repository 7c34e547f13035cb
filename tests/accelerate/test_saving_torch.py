"""`save_checkpoint` and `from_ipfs` with torch and transformers as they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.ml import needs_ml

from ipfs_accelerate_py import from_ipfs, ipfs_accelerate, save_checkpoint
from ipfs_kit_py.errors import InvalidParameterError

pytestmark = [pytest.mark.usefixtures("workplace"), needs_ml]


def bert(layers: int = 10, words: int = 500, seed: int = 1) -> Any:
    """A model of the usual kind, with random numbers in it."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    return BertModel(
        BertConfig(
            vocab_size=words,
            hidden_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            intermediate_size=256,
            max_position_embeddings=64,
        )
    )


def test_tensors_of_every_kind_come_back_as_safetensors_reads_them() -> None:
    import torch
    from safetensors.torch import load_file

    names = (
        "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 bfloat16 float32 "
        "float64 complex64 float8_e4m3fn float8_e5m2 float8_e8m0fnu float8_e4m3fnuz "
        "float8_e5m2fnuz"
    )
    state: dict[str, torch.Tensor] = {}
    for name in names.split():
        dtype = getattr(torch, name)
        data = torch.randint(0, 2, (4 * 6 * 8,), dtype=torch.uint8)
        plain = data.view(dtype)
        state[name] = plain
        state[f"{name} turned"] = plain[: plain.numel() // 2 * 2].view(-1, 2).T
        state[f"{name} scalar"] = plain[0]
        state[f"{name} nothing"] = plain[:0].view(3, 0)
    weight = torch.nn.Parameter(torch.randn(4, 4))
    state |= {"parameter": weight, "tied": weight, "part": weight[1:, ::2]}
    state["conjugate"] = torch.randn(3, dtype=torch.complex64).conj()
    state["negative"] = state["conjugate"].imag
    # Of one number torch calls any stride contiguous.
    for name in ("float16", "bfloat16", "float64", "uint8"):
        wide = torch.ones(8, dtype=getattr(torch, name))
        state |= {f"{name} one": wide[::8], f"{name} column": wide.view(2, 4)[:1, :1].T}
        state[f"{name} expanded"] = wide[:1].expand(3, 2)
    state["negative one"] = torch.tensor([1 + 2j]).conj().imag
    found = load_file(from_ipfs(save_checkpoint(state).cid) / "model.safetensors")
    assert found.keys() == state.keys()
    for name, it in state.items():
        wanted = torch.empty(it.shape, dtype=it.dtype).copy_(it.detach())
        assert (found[name].dtype, found[name].shape) == (it.dtype, it.shape)
        shown = (one.reshape(-1).view(torch.uint8) for one in (found[name], wanted))
        assert torch.equal(*shown), name


def fake() -> Any:
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.ones(3)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_tensors_without_plain_bytes_are_refused() -> None:
    import torch

    with pytest.raises(InvalidParameterError, match="'a' cannot be saved: it is sparse"):
        save_checkpoint({"a": torch.eye(3).to_sparse()})
    with pytest.raises(InvalidParameterError, match="it is without bytes"):
        save_checkpoint({"a": torch.empty(3, device="meta")})
    freed = torch.ones(3)
    freed.untyped_storage().resize_(0)
    with pytest.raises(InvalidParameterError, match="storage was freed"):
        save_checkpoint({"a": freed})
    with pytest.raises(InvalidParameterError, match="it is nested"):
        save_checkpoint({"a": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])})
    with pytest.raises(InvalidParameterError, match="not initialized; call the module"):
        save_checkpoint(torch.nn.LazyLinear(3).state_dict())
    with pytest.raises(InvalidParameterError, match="a FakeTensor, which is no plain"):
        save_checkpoint({"a": fake()})
    with pytest.raises(InvalidParameterError, match=r"no type torch\.complex128"):
        save_checkpoint({"a": torch.zeros(3, dtype=torch.complex128)})


def test_a_fine_tune_of_one_layer_in_ten_writes_a_tenth() -> None:
    import torch

    model = bert()
    first = save_checkpoint(model.state_dict())
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("encoder.layer.6." in name)
    tuned = [it for it in model.parameters() if it.requires_grad]
    optimizer = torch.optim.SGD(tuned, lr=0.1)
    model(torch.arange(20)[None]).last_hidden_state.square().sum().backward()
    optimizer.step()
    second = save_checkpoint(model.state_dict())
    assert second.cid != first.cid
    assert second.new_bytes <= 0.15 * first.new_bytes
    model.resize_token_embeddings(511)
    longer = save_checkpoint(model.state_dict())
    # The words, and a header.
    assert longer.new_bytes <= 0.15 * first.new_bytes
    assert longer.shared_bytes >= 0.85 * first.new_bytes


def test_transformers_load_a_folder_that_comes_by_its_cid(workplace: Path) -> None:
    import torch
    from transformers import AutoModel

    model = bert(layers=2).eval()
    model.save_pretrained(workplace / "model")
    done = save_checkpoint(workplace / "model")
    folder = from_ipfs(done.cid)
    found = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    words = torch.arange(9)[None]
    with torch.no_grad():
        wanted = model(words).last_hidden_state
        assert torch.equal(found(words).last_hidden_state, wanted)
    # Tensors by name, and the configuration of before.
    state = save_checkpoint(model.state_dict())
    again = from_ipfs(state.cid, workplace / "again")
    (again / "config.json").write_bytes((folder / "config.json").read_bytes())
    found = AutoModel.from_pretrained(again, local_files_only=True).eval()
    with torch.no_grad():
        assert torch.equal(found(words).last_hidden_state, wanted)


def test_shards_are_laid_out_anew_under_their_names(workplace: Path) -> None:
    from transformers import AutoModel

    model = bert(layers=3)
    model.save_pretrained(workplace / "shards", max_shard_size="200KB")
    index = json.loads((workplace / "shards/model.safetensors.index.json").read_text())
    done = save_checkpoint(workplace / "shards")
    folder = from_ipfs(f"ipfs://{done.cid}", workplace / "back")
    names = sorted(it.name for it in folder.iterdir())
    assert names == sorted(it.name for it in (workplace / "shards").iterdir())
    assert len(set(index["weight_map"].values())) > 2
    found = AutoModel.from_pretrained(folder, local_files_only=True).state_dict()
    assert all(found[name].equal(it) for name, it in model.state_dict().items())


@pytest.mark.parametrize("most", [90_000, 300_000])
def test_tensors_go_into_the_files_that_huggingface_hub_puts_them_in(most: int) -> None:
    from huggingface_hub import split_torch_state_dict_into_shards

    state = bert(layers=3).state_dict()
    wanted = split_torch_state_dict_into_shards(state, max_shard_size=most)
    done = save_checkpoint(state, max_shard_bytes=most)
    engine = ipfs_accelerate.content().kit.engine
    index = json.loads(engine.cat(f"{done.cid}/model.safetensors.index.json"))
    assert index["weight_map"] == wanted.tensor_to_filename
    assert index["metadata"]["total_size"] == wanted.metadata["total_size"]
