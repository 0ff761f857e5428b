"""PoseNet's MobileNetV1 in PyTorch: the network, its training targets and losses, and its export to ONNX.

Run: python tools/demo/model.py MODEL.pt OUT.onnx            (fold batch norm, write fp16 weights, compare with ONNX Runtime)
"""
from __future__ import annotations

import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from rng import table

STRIDE = 16
EDGES = [(0, 1), (1, 3), (0, 2), (2, 4), (0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15), (0, 6), (6, 8), (8, 10), (6, 12), (12, 14), (14, 16)]
# Of MobileNetV1 at stride 16, as PoseNet has it: channels at multiplier 1 and stride of the 13 depthwise-separable blocks.
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)]
HEADS = {"heatmaps": 17, "offsets": 34, "displacement_fwd": 32, "displacement_bwd": 32}
HEAD_NODES = {"offsets": "offset_2", "heatmaps": "heatmap_2", "displacement_fwd": "displacement_fwd_2", "displacement_bwd": "displacement_bwd_2"}
UNIT = {"heatmaps": 1.0, "offsets": 16.0, "displacement_fwd": 64.0, "displacement_bwd": 64.0}          # pixels per unit of a head while training


class ConvBn(nn.Module):
    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout, eps=1e-3, momentum=0.03)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.hardtanh(self.bn(self.conv(x)), 0.0, 6.0)


class PoseNet(nn.Module):
    """Pictures scaled to -1..1, (B,3,H,W) with H, W = 16k+1, to the four heads in training units."""

    def __init__(self, multiplier: float = 0.75):
        super().__init__()
        wide = lambda c: max(8, int(c * multiplier + 4) // 8 * 8)
        c, layers = wide(32), [ConvBn(3, wide(32), 3, 2)]
        for out, stride in BLOCKS:
            layers += [ConvBn(c, c, 3, stride, groups=c), ConvBn(c, wide(out), 1)]
            c = wide(out)
        self.body = nn.Sequential(*layers)
        self.heads = nn.Conv2d(c, sum(HEADS.values()), 1)
        nn.init.normal_(self.heads.weight, std=0.01)
        nn.init.zeros_(self.heads.bias)
        nn.init.constant_(self.heads.bias[:17], -4.0)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self.body(x)
        with torch.autocast(x.device.type, enabled=False):
            y = self.heads(y.float())
        return dict(zip(HEADS, y.split(list(HEADS.values()), 1)))


def targets(joints: torch.Tensor, use: torch.Tensor, skip: torch.Tensor, size: torch.Tensor, h: int, w: int, cfg: dict) -> dict[str, torch.Tensor]:
    """What the heads should say. joints (B,P,17,2) in input pixels, use (B,P,17) joints to learn, skip (B,P,17) joints of people who do
    not count either way, size (B,P) of each person in pixels. Every cell of a part belongs to the nearest person."""
    b, p = joints.shape[:2]
    dev = joints.device
    gy, gx = torch.meshgrid(torch.arange(h, device=dev) * STRIDE, torch.arange(w, device=dev) * STRIDE, indexing="ij")
    grid = torch.stack([gx, gy], -1).float().view(1, 1, h * w, 2)
    dist = (joints.flatten(1, 2)[:, :, None] - grid).square().sum(-1).view(b, p, 17, h * w)
    near, who = torch.where(use[..., None], dist, torch.inf).min(1)                                   # (B,17,N)
    heat = near <= cfg["heat_radius"] ** 2
    dont = (torch.where(skip[..., None], dist, torch.inf).amin(1) <= cfg["skip_radius"] ** 2) & ~heat
    index = who[..., None].expand(-1, -1, -1, 2)                                                       # person of each cell
    of = lambda v: v.transpose(1, 2)                                                                   # (B,P,17,...) -> (B,17,P,...)
    mine = of(joints).gather(2, index)
    scale = (cfg["size_norm"] / size.clamp(min=16)).clamp(0.4, 2.0)[:, :, None].expand(-1, -1, 17)
    weight = of(scale).gather(2, who)
    inside = (near <= cfg["offset_radius"] ** 2).float()
    out = {"heat": heat.float(), "heat_weight": (~dont).float(), "offset": (mine - grid[:, 0, None]).permute(0, 3, 1, 2).flip(1), "offset_weight": inside * weight}
    for name, ends in (("fwd", EDGES), ("bwd", [(c, q) for q, c in EDGES])):
        src, dst = table(tuple(ends), dev).long().unbind(1)
        far = of(joints)[:, dst].gather(2, index[:, src])
        good = of(use)[:, dst].gather(2, who[:, src]).float()
        out[name] = (far - mine[:, src]).permute(0, 3, 1, 2).flip(1)                                   # y first
        out[f"{name}_weight"] = good * inside[:, src] * weight[:, src]
    return {k: torch.nan_to_num(v) for k, v in out.items()}


def losses(heads: dict[str, torch.Tensor], t: dict[str, torch.Tensor], cfg: dict) -> dict[str, torch.Tensor]:
    """Cross entropy on the heatmaps, L1 on the rest where a person is near."""
    b = t["heat"].shape[0]
    bce = F.binary_cross_entropy_with_logits(heads["heatmaps"].flatten(2), t["heat"], reduction="none")
    out = {"heat": cfg["heat_gain"] * (bce * t["heat_weight"]).mean()}

    def l1(name: str, key: str, gain: float) -> torch.Tensor:
        n = HEADS[name] // 2
        got = heads[name].reshape(b, 2, n, -1)
        err = F.smooth_l1_loss(got, t[key] / UNIT[name], reduction="none", beta=0.02).sum(1)
        return gain * (err * t[f"{key}_weight"]).sum() / (t[f"{key}_weight"].sum() + 1)

    out["offset"] = l1("offsets", "offset", cfg["offset_gain"])
    out["fwd"] = l1("displacement_fwd", "fwd", cfg["displacement_gain"])
    out["bwd"] = l1("displacement_bwd", "bwd", cfg["displacement_gain"])
    return out


def folded(model: PoseNet) -> list[tuple[str, np.ndarray, np.ndarray, dict]]:
    """Convolutions with batch norm folded in, in order: (name, weight rounded to fp16, bias, attributes). Heads last, in pixels."""
    rows = []
    for i, layer in enumerate(model.body):
        bn, conv = layer.bn, layer.conv
        gain = (bn.weight / torch.sqrt(bn.running_var + bn.eps)).double()
        weight = (conv.weight.double() * gain[:, None, None, None]).detach().cpu().numpy().astype(np.float16)
        bias = (bn.bias.double() - bn.running_mean.double() * gain).detach().cpu().numpy().astype(np.float32)
        kind = "" if i == 0 else "_depthwise" if i % 2 else "_pointwise"
        attributes = dict(auto_pad="SAME_UPPER", dilations=[1, 1], group=conv.groups, kernel_shape=list(conv.kernel_size), strides=list(conv.stride))
        rows.append((f"MobilenetV1/MobilenetV1/Conv2d_{(i + 1) // 2}{kind}/BatchNorm/batchnorm/add_1", weight, bias, attributes))
    start = 0
    for name, n in HEADS.items():
        part = slice(start, start + n)
        weight, bias = model.heads.weight[part] * UNIT[name], model.heads.bias[part] * UNIT[name]
        rows.append((f"MobilenetV1/{HEAD_NODES[name]}/BiasAdd", weight.detach().cpu().numpy().astype(np.float16), bias.detach().cpu().numpy(),
                     dict(auto_pad="SAME_UPPER", dilations=[1, 1], group=1, kernel_shape=[1, 1], strides=[1, 1])))
        start += n
    return rows


def run_folded(rows: list, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The exported network in PyTorch: fp32 arithmetic on the fp16 weights, heads in pixels."""
    for name, weight, bias, a in rows[:-4]:
        x = F.conv2d(x, torch.from_numpy(weight).float(), torch.from_numpy(bias), a["strides"][0], a["kernel_shape"][0] // 2, groups=a["group"]).clamp(0, 6)
    return {name: F.conv2d(x, torch.from_numpy(w).float(), torch.from_numpy(b)) for name, (_, w, b, _) in zip(HEADS, rows[-4:])}


def export(model: PoseNet, path: str, name: str) -> None:
    """ONNX in the official file's layout and names; each weight is an fp16 initialiser followed by a Cast to float."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    nodes, consts = [], [numpy_helper.from_array(np.array([0], np.float32), "zero"), numpy_helper.from_array(np.array([6], np.float32), "six")]
    value = "image"
    rows = folded(model)
    for row, (out, weight, bias, attributes) in enumerate(rows):
        w, b = f"{out}/conv/W", f"{out}/conv/B"
        consts += [numpy_helper.from_array(weight, f"{w}/fp16"), numpy_helper.from_array(bias, b)]
        nodes.append(helper.make_node("Cast", [f"{w}/fp16"], [w], name=f"{w}/cast", to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Conv", [value, w, b], [out], name=f"{out}/conv", **attributes))
        if row < len(rows) - 4:
            value = out.replace("/BatchNorm/batchnorm/add_1", "/Relu6")
            nodes.append(helper.make_node("Clip", [out, "zero", "six"], [value], name=value))
    for (out, *_), head in zip(rows[-4:], HEADS):
        nodes.append(helper.make_node("Identity", [out], [head], name=head))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    heads = [helper.make_tensor_value_info(h, TensorProto.FLOAT, ["batch", n, "h16", "w16"]) for h, n in HEADS.items()]
    graph = helper.make_graph(nodes, name, [image], heads, consts)
    model_proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="posenet tools/demo", ir_version=7)
    onnx.checker.check_model(model_proto)
    onnx.save(model_proto, path)


def check_export(model: PoseNet, path: str, height: int = 257, width: int = 353) -> dict[str, float]:
    """Largest difference of each head, ONNX Runtime against PyTorch, on one random picture."""
    import onnxruntime
    x = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3)) * 2 - 1
    want = run_folded(folded(model), x)
    got = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(list(HEADS), {"image": x.numpy()})
    return {n: float(np.abs(g - want[n].numpy()).max()) for n, g in zip(HEADS, got)}


def load(path: str) -> PoseNet:
    """The averaged weights of train.py's model.pt."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = PoseNet(state["multiplier"])
    model.load_state_dict(state["ema"])
    return model.eval()


if __name__ == "__main__":
    net = load(sys.argv[1])
    export(net, sys.argv[2], sys.argv[2].rsplit("/", 1)[-1].removesuffix(".onnx"))
    print(check_export(net, sys.argv[2]))
