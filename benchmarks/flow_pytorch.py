#!/usr/bin/env python3
"""Samples per second of a BACKMAP flow evaluated by PyTorch on a GPU: the rival of bench_flow there, see
scripts/check_gpu.sh. On a CPU it is torch_flow.h, the same operations without Python.

usage: flow_pytorch.py [--device cuda] [--way eager|graph] [--double] [--samples N]
                       FLOW.safetensors HELDOUT.dump [batch ...]

Reads the same model file, draws the same distribution (float32) and prints samples per second for every
batch size, and the mean log q as a check. Up to N samples (default 1) share a set of beads. The seconds
are of the clock, with the copy of samples and log q to the host, and without it; the ways are plain
PyTorch and a CUDA graph of it.
"""
import argparse
import json
import math
import struct
import time

import numpy as np
import torch

MIN_BIN, MIN_SLOPE = 1.0e-3, 1.0e-3
SLOPE_SHIFT = math.log(math.e - 1.0)


def load_model(name):
    """Metadata (dict) and tensors of a safetensors file."""
    raw = open(name, 'rb').read()
    size = struct.unpack('<Q', raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    spec = json.loads(header.pop('__metadata__')['spec'])
    data = raw[8 + size:]
    tensors = {}
    for key, t in header.items():
        begin, end = t['data_offsets']
        kind = {'F32': np.float32, 'F64': np.float64}[t['dtype']]
        array = np.frombuffer(data[begin:end], kind).reshape(t['shape'])
        tensors[key] = torch.tensor(array).to(torch.get_default_dtype())
    return spec, tensors


def load_beads(name, atoms):
    """Bead positions (frames, beads, 3) of an all-atom LAMMPS dump with columns id x y z."""
    frames, lines = [], open(name).read().split('ITEM: TIMESTEP\n')[1:]
    for block in lines:
        rows = np.array([r.split() for r in block.split('ITEM: ATOMS')[1].splitlines()[1:]], float)
        x = rows[np.argsort(rows[:, 0]), 1:4]
        frames.append(x[atoms])
    return torch.tensor(np.array(frames), dtype=torch.get_default_dtype())


def wrap(x):
    return torch.remainder(x + math.pi, 2.0 * math.pi) - math.pi


def angle(a, b, c):
    u, v = a - b, c - b
    return torch.atan2(torch.linalg.cross(u, v).norm(dim=-1), (u * v).sum(-1))


def dihedral(a, b, c, d):
    b1, b2, b3 = b - a, c - b, d - c
    m, n = torch.linalg.cross(b1, b2), torch.linalg.cross(b2, b3)
    return torch.atan2(b2.norm(dim=-1) * (b1 * n).sum(-1), (m * n).sum(-1))


def features(spec, z):
    f = spec['features']
    out = [(z[:, i] - z[:, j]).norm(dim=-1) for i, j in f['distances']]
    out += [angle(*(z[:, i] for i in t)) for t in f['angles']]
    for q in f['dihedrals']:
        p = dihedral(*(z[:, i] for i in q))
        for k in range(1, f['harmonics'] + 1):
            out += [torch.cos(k * p), torch.sin(k * p)]
    return torch.stack(out, -1)


def inverse_spline(y, w, h, d, lo, hi):
    """Inverse rational-quadratic spline (Durkan et al. 2019, eq. 6-8) and log|dx/dy|."""
    k = w.shape[-1]
    w = MIN_BIN + (1.0 - MIN_BIN * k) * torch.softmax(w, -1)
    h = MIN_BIN + (1.0 - MIN_BIN * k) * torch.softmax(h, -1)
    x0 = torch.nn.functional.pad(torch.cumsum(w, -1), (1, 0)) * (hi - lo) + lo
    y0 = torch.nn.functional.pad(torch.cumsum(h, -1), (1, 0)) * (hi - lo) + lo
    bin_ = (y[..., None] >= y0[..., 1:-1]).sum(-1, keepdim=True)

    def pick(t):
        return t.gather(-1, bin_).squeeze(-1)
    xk, wk, yk, hk, d0 = pick(x0), pick(w) * (hi - lo), pick(y0), pick(h) * (hi - lo), pick(d)
    d1 = d.gather(-1, bin_ + 1).squeeze(-1)
    s = hk / wk
    e = d0 + d1 - 2.0 * s
    r = y - yk
    a, b, c = r * e + hk * (s - d0), hk * d0 - r * e, -s * r
    t = 2.0 * c / (-b - torch.sqrt((b * b - 4.0 * a * c).clamp_min(0.0)))
    q = t * (1.0 - t)
    slope = s * s * (d1 * t * t + 2.0 * s * q + d0 * (1.0 - t) ** 2) / (s + e * q) ** 2
    return xk + t * wk, -torch.log(slope)


class Flow:
    def __init__(self, spec, tensors, device='cpu'):
        def index(numbers):
            return torch.tensor(numbers, dtype=torch.long, device=device)
        self.spec, self.device = spec, device
        self.t = {name: t.to(device) for name, t in tensors.items()}
        self.nl, self.n = len(spec['linear']), len(spec['zmatrix'])
        self.nc = len(spec['rotors']) + len(spec['circular'])
        self.log_chol = float(torch.log(torch.diag(tensors['linear.chol'])).sum())
        self.linear_slots = index(spec['linear'])
        self.sets = []
        for c in spec['couplings']:
            lt = [i for i in range(self.nl) if i not in c['linear_id']]
            ct = [i for i in range(self.nc) if i not in c['circular_id']]
            self.sets.append([index(i) for i in (c['linear_id'], c['circular_id'], lt, ct)])
        self.steps = {len(r['rows']): index(range(len(r['rows']))) for r in spec['rotors']}

    def linear(self, name, x):
        return torch.nn.functional.linear(x, self.t[name + '.weight'], self.t[name + '.bias'])

    def coupling(self, k, l, c, f, samples):
        """Inverse of one coupling layer: latent to data."""
        spec, name = self.spec, 'coupling.%d' % k
        bins, cbins = spec['flow']['bins'], spec['flow']['circular_bins']
        bound = spec['flow']['bound']
        li, ci, lt, ct = self.sets[k]
        ring = c[:, ci]
        trig = torch.stack([torch.cos(ring), torch.sin(ring), torch.cos(2 * ring),
                            torch.sin(2 * ring)], -1).flatten(1)
        h = self.linear(name + '.in', torch.cat([l[:, li], trig], -1))
        cond = (f @ self.t[name + '.cond.weight'].T).repeat_interleave(samples, 0)
        h = torch.nn.functional.silu(h + cond)
        h = torch.nn.functional.silu(self.linear(name + '.hidden', h))
        o = self.linear(name + '.out', h)
        ld = torch.zeros(len(l), device=self.device)
        m = len(lt) * (3 * bins + 1)
        if len(lt):
            q = o[:, :m].view(len(o), len(lt), 3 * bins + 1)
            x = l[:, lt]
            d = torch.nn.functional.softplus(q[..., 2 + 2 * bins:] + SLOPE_SHIFT) + MIN_SLOPE
            one = torch.ones_like(d[..., :1])
            inside = x.abs() < bound
            y, dl = inverse_spline(x.clamp(-bound, bound), q[..., 2:2 + bins],
                                   q[..., 2 + bins:2 + 2 * bins], torch.cat([one, d, one], -1),
                                   -bound, bound)
            x = torch.where(inside, y, x)
            s = 2.0 * torch.tanh(0.5 * q[..., 1])
            ld = ld + torch.where(inside, dl, torch.zeros_like(dl)).sum(-1) + s.sum(-1)
            l = l.index_copy(1, lt, x * torch.exp(s) + q[..., 0])
        if len(ct):
            q = o[:, m:].view(len(o), len(ct), 3 * cbins + 1)
            d = torch.nn.functional.softplus(q[..., 1 + 2 * cbins:] + SLOPE_SHIFT) + MIN_SLOPE
            y, dl = inverse_spline(c[:, ct], q[..., 1:1 + cbins], q[..., 1 + cbins:1 + 2 * cbins],
                                   torch.cat([d, d[..., :1]], -1), -math.pi, math.pi)
            ld = ld + dl.sum(-1)
            c = c.index_copy(1, ct, wrap(y + q[..., 0]))
        return l, c, ld

    def sample(self, z, samples=1):
        """All-atom configurations (n, atoms, 3) and log q (n), `samples` for every set of beads."""
        spec, b = self.spec, len(z) * samples
        f = (features(spec, z) - self.t['features.mean']) / self.t['features.std']
        l = torch.randn(b, self.nl, device=self.device)
        c = (2.0 * torch.rand(b, self.nc, device=self.device) - 1.0) * math.pi
        logq = -0.5 * (l * l).sum(-1) - 0.5 * self.nl * math.log(2 * math.pi)
        logq = logq - self.nc * math.log(2 * math.pi)
        for k in reversed(range(len(spec['couplings']))):
            l, c, ld = self.coupling(k, l, c, f, samples)
            logq = logq - ld
        h = torch.nn.functional.silu(self.linear('affine.0', f))
        h = self.linear('affine.2', torch.nn.functional.silu(self.linear('affine.1', h)))
        h = h.repeat_interleave(samples, 0)
        l = l * torch.exp(h[:, self.nl:]) + h[:, :self.nl]
        logq = logq - h[:, self.nl:].sum(-1)
        chol = self.t['linear.chol']
        y = torch.zeros(b, 3 * self.n, device=self.device)
        y = y.index_copy(1, self.linear_slots, l @ chol.T + self.t['linear.mean'])
        return self.place(y, c, z.repeat_interleave(samples, 0), logq - self.log_chol)

    def place(self, y, c, z, logq):
        """Internal to Cartesian coordinates; rotors unfolded with random labels."""
        spec, n = self.spec, self.n
        r, t, p = (list(q.unbind(-1)) for q in (y[:, :n], y[:, n:2 * n], y[:, 2 * n:]))
        shift = {}
        for g, rotor in enumerate(spec['rotors']):
            rows, m = rotor['rows'], len(rotor['rows'])
            tau = (c[:, g] + math.pi) / m
            dev = sum(wrap(p[row] - rotor['sign'] * 2 * math.pi * j / m)
                      for j, row in enumerate(rows) if j)
            p[rows[0]] = tau - dev / m
            shift[rows[0]] = (rows, torch.randint(0, m, (len(z), 1), device=self.device))
        for g, slot in enumerate(spec['circular']):
            p[slot - 2 * n] = c[:, len(spec['rotors']) + g]
        x = [None] * spec['natoms']
        for k, bead in enumerate(spec['beads']):
            x[bead['atoms'][0]] = z[:, k]
        for k, (i, a, b, d) in enumerate(spec['zmatrix']):
            bc = x[a] - x[b]
            bc = bc / bc.norm(dim=-1, keepdim=True)
            nn = torch.linalg.cross(x[b] - x[d], bc)
            nn = nn / nn.norm(dim=-1, keepdim=True)
            st, ct = torch.sin(t[k])[:, None], torch.cos(t[k])[:, None]
            cp, sp = torch.cos(p[k])[:, None], torch.sin(p[k])[:, None]
            x[i] = x[a] + r[k][:, None] * (-ct * bc + st * cp * torch.linalg.cross(nn, bc) + st * sp * nn)
            logq = logq - 2.0 * torch.log(r[k]) - torch.log(torch.sin(t[k]))
        for rows, k in shift.values():
            h = torch.stack([x[spec['zmatrix'][row][0]] for row in rows], 1)
            index = (self.steps[len(rows)][None] + k) % len(rows)
            h = h.gather(1, index[..., None].expand_as(h))
            for j, row in enumerate(rows):
                x[spec['zmatrix'][row][0]] = h[:, j]
        return torch.stack(x, 1), logq


def on_gpu(flow, z, samples, way):
    """Samples per second of the clock: with the copy to the host, and without it."""
    def draw():
        return flow.sample(z, samples)
    for _ in range(3):
        draw()
    if way == 'graph':
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            draw()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = flow.sample(z, samples)

        def draw():
            graph.replay()
            return result
    host = [torch.empty(t.shape, dtype=t.dtype, pin_memory=True) for t in draw()]
    rates = []
    for copy in (True, False):
        times = []
        torch.cuda.synchronize()
        begin = time.perf_counter()
        while time.perf_counter() - begin < 1.0:
            start = time.perf_counter()
            for there, here in zip(draw(), host):
                if copy:
                    here.copy_(there, non_blocking=True)
            torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        rates.append(len(z) * samples / sorted(times)[len(times) // 2])
    return ['%9.0f samples/s' % rates[0], '%9.0f without copies' % rates[1]]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--way', default='eager', choices=['eager', 'graph'])
    parser.add_argument('--double', action='store_true')
    parser.add_argument('--samples', type=int, default=1)
    parser.add_argument('model')
    parser.add_argument('dump')
    parser.add_argument('batch', type=int, nargs='*', default=[1, 16, 64, 1024])
    a = parser.parse_args()
    torch.set_default_dtype(torch.float64 if a.double else torch.float32)
    torch.manual_seed(1)
    spec, tensors = load_model(a.model)
    flow = Flow(spec, tensors, a.device)
    beads = load_beads(a.dump, [b['atoms'][0] for b in spec['beads']])
    with torch.no_grad():
        for batch in a.batch:
            samples = min(batch, a.samples)
            z = beads[torch.arange(batch // samples) % len(beads)].to(a.device)
            rates = on_gpu(flow, z, samples, a.way)
            print('pytorch batch %5d  %s  mean log q %.2f'
                  % (batch, '  '.join(rates), flow.sample(z, samples)[1].mean()), flush=True)


if __name__ == '__main__':
    main()
