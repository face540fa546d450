#!/usr/bin/env python3
"""Write a TorchScript network for `pair_style cgnet` from a native CG model.

    python3 export_cgnet.py ala2.cgnet.safetensors ala2.cgnet.pt

Shows what a network of your own must fulfil to be used with `pair_style cgnet run_code yes` and
`pair_coeff * * FILE.pt ...`:

  forward(z)     z: float64 [molecules, beads, 3], whole molecules; returns the energies [molecules], float64,
                 differentiable by z (forces come from automatic differentiation)
  bead_names()   List[str], names of the beads in bead order
  units()        str, LAMMPS unit style of z and of the energy
  temperature()  float, K

The last three are exported methods.  Needs Python with numpy and torch; nothing else of BACKMAP does.
"""
import json
import struct
import sys
from typing import List

import numpy as np
import torch

BOLTZMANN = {"real": 0.0019872067, "metal": 8.617343e-5, "lj": 1.0, "si": 1.3806504e-23, "cgs": 1.3806504e-16,
             "electron": 3.16681534e-6, "micro": 1.3806504e-8, "nano": 0.013806504}


def read_model(path):
    """Metadata (a dictionary of strings) and tensors (double) of a safetensors file."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    meta = header.pop("__metadata__", {})
    if meta.get("format") != "backmap.cgnet":
        sys.exit(f"{path}: format, expected backmap.cgnet, got {meta.get('format')}")
    tensors = {}
    for name, entry in header.items():
        kind = {"F32": "<f4", "F64": "<f8"}[entry["dtype"]]
        first, last = entry["data_offsets"]
        values = np.frombuffer(data[8 + length:][first:last], dtype=kind).astype(np.float64)
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return meta, tensors


def distance(z, pairs):
    return (z[:, pairs[:, 0]] - z[:, pairs[:, 1]]).norm(2, -1)


def angle(z, triples):
    u = z[:, triples[:, 0]] - z[:, triples[:, 1]]
    v = z[:, triples[:, 2]] - z[:, triples[:, 1]]
    return torch.atan2(torch.cross(u, v, dim=-1).norm(2, -1), (u * v).sum(-1))


def dihedral(z, quads):
    b1 = z[:, quads[:, 1]] - z[:, quads[:, 0]]
    b2 = z[:, quads[:, 2]] - z[:, quads[:, 1]]
    b3 = z[:, quads[:, 3]] - z[:, quads[:, 2]]
    m = torch.cross(b1, b2, dim=-1)
    n = torch.cross(b2, b3, dim=-1)
    return torch.atan2(b2.norm(2, -1) * (b1 * n).sum(-1), (m * n).sum(-1))


class Cgnet(torch.nn.Module):
    def __init__(self, spec, tensors):
        super().__init__()
        features, prior = spec["features"], spec["prior"]
        for owner, group in (("f", features), ("p", prior)):
            for kind, width in (("distances", 2), ("bonds", 2), ("angles", 3), ("dihedrals", 4), ("repulsion", 2)):
                index = np.array(group.get(kind, []), dtype=np.int64).reshape(-1, width)
                self.register_buffer(f"{owner}_{kind}", torch.from_numpy(index))
        n = sum(len(prior[kind]) for kind in ("bonds", "angles", "dihedrals"))
        self.register_buffer("mean", tensors["features.mean"])
        self.register_buffer("std", tensors["features.std"])
        self.register_buffer("prior_mean", tensors.get("prior.mean", torch.zeros(n).double()))
        self.register_buffer("precision", tensors.get("prior.precision", torch.zeros(n, n).double()))
        self.register_buffer("sigma", tensors.get("prior.sigma", torch.zeros(0).double()))
        self.narrow: int = len(prior["bonds"]) + len(prior["angles"])
        self.harmonics: int = features["harmonics"]
        layers = []
        for k in range(len(spec["network"]["hidden"]) + 1):
            weight, bias = tensors[f"net.{k}.weight"], tensors[f"net.{k}.bias"]
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = weight, bias
            layers += [layer, torch.nn.Tanh()]
        self.net = torch.nn.Sequential(*layers[:-1])
        self.kT: float = BOLTZMANN[spec["units"]] * spec["temperature"]
        self.names: List[str] = [bead["name"] for bead in spec["beads"]]
        self.unit_style: str = spec["units"]
        self.kelvin: float = float(spec["temperature"])

    def forward(self, z):
        x = [distance(z, self.f_distances), angle(z, self.f_angles)]
        phi = dihedral(z, self.f_dihedrals)
        waves = []
        for k in range(self.harmonics):
            waves.append(torch.cos((k + 1) * phi))
            waves.append(torch.sin((k + 1) * phi))
        x.append(torch.stack(waves, -1).flatten(1))
        energy = self.net((torch.cat(x, -1) - self.mean) / self.std)[:, 0]

        r = distance(z, self.p_bonds)
        d = torch.cat([r, angle(z, self.p_angles), dihedral(z, self.p_dihedrals)], -1) - self.prior_mean
        pi = 3.141592653589793
        d = torch.cat([d[:, :self.narrow], torch.remainder(d[:, self.narrow:] + pi, 2 * pi) - pi], -1)
        energy = energy + 0.5 * (torch.matmul(d, self.precision) * d).sum(-1) + 2 * self.kT * torch.log(r).sum(-1)
        apart = distance(z, self.p_repulsion)
        return energy + self.kT * ((self.sigma / apart) ** 12).sum(-1)

    @torch.jit.export
    def bead_names(self) -> List[str]:
        return self.names

    @torch.jit.export
    def units(self) -> str:
        return self.unit_style

    @torch.jit.export
    def temperature(self) -> float:
        return self.kelvin


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    meta, tensors = read_model(sys.argv[1])
    spec = json.loads(meta["spec"])
    if "windows" in spec:
        sys.exit(f"{sys.argv[1]} is a sum of windows, expected a model of one piece (train_cgnet local no)")
    network = Cgnet(spec, tensors).double().eval()
    torch.jit.script(network).save(sys.argv[2])
    print(f"{sys.argv[2]}: beads {' '.join(network.names)}, {network.kelvin} K, {network.unit_style} units")


if __name__ == "__main__":
    main()
