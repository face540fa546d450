#!/usr/bin/env python3
"""Energies and forces per second of a CG model by PyTorch on a GPU: the rival of bench_cgnet there, see
scripts/check_gpu.sh.

usage: cgnet_pytorch.py [--device cuda] [--way eager|graph] MODEL.cgnet.safetensors HELDOUT.dump [batch ...]

Reads the same model file: the same features, network and prior, in single precision, forces by autograd. The beads are
on the device and the forces stay there, as in pair cgnet/kk. The seconds are of the clock; the ways are plain PyTorch and
a CUDA graph of it.
"""
import argparse
import time

import torch

from flow_pytorch import angle, dihedral, features, load_beads, load_model, wrap


class Energy:
    """U(z) of a model of one piece, z (molecules, beads, 3) -> (molecules), kcal/mol for units real."""

    def __init__(self, spec, tensors, device):
        self.spec = spec
        self.t = {name: t.to(device) for name, t in tensors.items()}
        self.kT = 0.0019872067 * spec['temperature']

    def __call__(self, z):
        t, prior = self.t, self.spec['prior']
        x = (features(self.spec, z) - t['features.mean']) / t['features.std']
        layers = sorted((name[:-7] for name in t if name.startswith('net.') and name.endswith('.weight')),
                        key=lambda name: int(name.split('.')[-1]))
        for name in layers:
            x = torch.nn.functional.linear(x, t[name + '.weight'], t[name + '.bias'])
            if name != layers[-1]:
                x = torch.tanh(x)
        bonds = [(z[:, i] - z[:, j]).norm(dim=-1) for i, j in prior['bonds']]
        d = bonds + [angle(*(z[:, i] for i in a)) for a in prior['angles']]
        d += [dihedral(*(z[:, i] for i in q)) for q in prior['dihedrals']]
        d = torch.stack(d, -1) - t['prior.mean']
        narrow = len(prior['dihedrals'])
        if narrow:
            d = torch.cat([d[:, :-narrow], wrap(d[:, -narrow:])], -1)
        energy = x[:, 0] + 0.5 * ((d @ t['prior.precision']) * d).sum(-1)
        energy = energy + 2.0 * self.kT * torch.stack(bonds, -1).log().sum(-1)
        if prior['repulsion']:
            r = torch.stack([(z[:, i] - z[:, j]).norm(dim=-1) for i, j in prior['repulsion']], -1)
            energy = energy + self.kT * ((t['prior.sigma'] / r) ** 12).sum(-1)
        return energy


def rate(energy, z, way):
    z = z.clone().requires_grad_(True)

    def call():
        e = energy(z)
        return e, torch.autograd.grad(e.sum(), z)[0]
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    step = call
    if way == 'graph':
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        step = graph.replay
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < 1.0:
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return len(z) / sorted(times)[len(times) // 2]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--way', default='eager', choices=['eager', 'graph'])
    parser.add_argument('model')
    parser.add_argument('dump')
    parser.add_argument('batch', type=int, nargs='*', default=[256, 4096, 65536])
    a = parser.parse_args()
    spec, tensors = load_model(a.model)
    energy = Energy(spec, tensors, a.device)
    beads = load_beads(a.dump, [b['atoms'][0] for b in spec['beads']])
    for batch in a.batch:
        z = beads[torch.arange(batch) % len(beads)].to(a.device)
        with torch.no_grad():
            mean = energy(z).mean()
        print('pytorch batch %6d  %11.0f molecules/s  mean energy %.4f' % (batch, rate(energy, z, a.way), mean), flush=True)


if __name__ == '__main__':
    main()
