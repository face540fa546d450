"""The Python module against the libraries and against backmap_report. Environment: see CMakeLists.txt."""

import json
import os
import shutil
import subprocess
import unittest

import numpy as np

import backmap

MODEL = os.path.join(os.environ["BACKMAP_POTENTIALS"], "ala2.flow.safetensors")
BEADS = np.loadtxt(os.path.join(os.environ["BACKMAP_EXAMPLES"], "library", "ala2.beads.txt"))
KT = 0.0019872067 * 300.0


def frames(n):
    return BEADS + 0.02 * np.random.default_rng(1).standard_normal((n, 6, 3))


class Flow(unittest.TestCase):
    def test_states_its_model(self):
        flow = backmap.Flow(MODEL)
        self.assertEqual((flow.natoms, flow.nbeads, flow.temperature, flow.units), (22, 6, 300.0, "real"))
        self.assertEqual(flow.bead_names, ["C", "N", "CA", "CB", "C", "N"])

    def test_samples_are_those_of_the_library(self):
        z = frames(5)
        for precision in ("single", "double"):
            done = subprocess.run([os.environ["BACKMAP_DRAW_SAMPLES"], precision, "bm"], input=z.tobytes(),
                                  stdout=subprocess.PIPE, check=True)
            expected = np.frombuffer(done.stdout)
            x, log_q = backmap.Flow(MODEL, precision=precision).sample(
                z, 33, seed=12345678901234567890, timestep=1000 + np.arange(5), molecule=range(5, 10),
                stream=backmap.random_stream(1, "bm"), first_sample=7)
            self.assertEqual((x.shape, log_q.shape), ((5, 33, 22, 3), (5, 33)))
            self.assertEqual(np.concatenate([x.ravel(), log_q.ravel()]).tobytes(), expected.tobytes())

    def test_log_prob_is_that_of_the_samples(self):
        flow = backmap.Flow(MODEL, precision="double")
        x, log_q = flow.sample(frames(3), 50, seed=1)
        good = np.isfinite(log_q)
        self.assertGreater(good.sum(), 140)
        again = flow.log_prob(x)
        self.assertEqual(again.shape, (3, 50))
        np.testing.assert_allclose(again[good], log_q[good], rtol=0.0, atol=1e-8)
        self.assertEqual(flow.log_prob(x[1]).tobytes(), again[1].tobytes())
        self.assertEqual(flow.log_prob(x[1, 4]), again[1, 4])
        # control: other atoms, another density
        self.assertGreater(abs(flow.log_prob(x[0, 0] + 0.1 * x[0, 1])[()] - log_q[0, 0]), 0.1)

    def test_draws_follow_from_the_arguments(self):
        flow = backmap.Flow(MODEL)
        z = frames(3)
        x, log_q = flow.sample(z, 4, seed=2)
        self.assertEqual(flow.sample(z, 4, seed=2)[0].tobytes(), x.tobytes())
        self.assertEqual(flow.sample(z[1:2], 2, seed=2, timestep=[1], first_sample=2)[0].tobytes(), x[1:2, 2:].tobytes())
        self.assertNotEqual(flow.sample(z, 4, seed=3)[0].tobytes(), x.tobytes())
        # not contiguous, or in another memory order: the same numbers
        self.assertEqual(flow.sample(np.repeat(z, 2, axis=0)[::2], 4, seed=2)[1].tobytes(), log_q.tobytes())
        self.assertEqual(flow.sample(np.asfortranarray(z), 4, seed=2)[1].tobytes(), log_q.tobytes())
        self.assertEqual(flow.sample(z[:0], 4)[0].shape, (0, 4, 22, 3))
        # the beads are where they were given
        np.testing.assert_allclose(x[:, :, [4, 6, 8, 10, 14, 16]], np.repeat(z[:, None], 4, axis=1), atol=1e-12)

    @unittest.skipUnless(os.environ["BACKMAP_LMP"], "built without LAMMPS")
    def test_samples_are_those_of_fix_backmap(self):
        shutil.copytree(os.path.join(os.environ["BACKMAP_EXAMPLES"], "alanine-dipeptide"), "fix", dirs_exist_ok=True)
        with open("fix/in.job", "w") as script:
            script.write("""units real
                atom_style molecular
                read_data ala2.coarse.minus.data
                pair_style cgnet
                pair_coeff * * ala2.cgnet.safetensors C N CA CB C N
                fix 1 all nve
                fix 2 all langevin 300 300 100 4711
                fix bm all backmap 5 ala2.flow.safetensors in.fine samples 8 thermostat 2 seed 77 precision double table samples.txt
                dump beads all custom 5 beads.txt id xu yu zu
                dump_modify beads sort id format float %.17g
                run 10
                """)
        subprocess.run([os.environ["BACKMAP_LMP"], "-in", "in.job", "-log", "none", "-screen", "none"], cwd="fix", check=True)
        table = backmap.read_table("fix/samples.txt")
        with open("fix/beads.txt") as dump:
            blocks = dump.read().split("ITEM: TIMESTEP\n")[2:]    # steps 5 and 10
        z = np.array([[line.split()[1:] for line in block.splitlines()[8:14]] for block in blocks], float)
        flow = backmap.Flow(MODEL, precision="double")
        draw = lambda fix: flow.sample(z, 8, seed=77, timestep=[5, 10], stream=backmap.random_stream(0, fix))[1].ravel()
        np.testing.assert_allclose(draw("bm"), table.log_q, rtol=1e-13)    # the table has 15 digits
        self.assertGreater(abs(draw("other") - table.log_q).max(), 0.1)

    def test_errors(self):
        flow = backmap.Flow(MODEL)
        z = frames(2)
        for error, text, call in (
            (TypeError, "z: expected an array of float64, got float32", lambda: flow.sample(z.astype("f4"))),
            (ValueError, r"z: expected the shape \(frames, 6, 3\), got \(6, 3\)", lambda: flow.sample(z[0])),
            (ValueError, r"z: expected the shape \(frames, 6, 3\), got \(2, 5, 3\)", lambda: flow.sample(z[:, :5])),
            (ValueError, r"x: expected the shape \(..., 22, 3\), got \(2, 6, 3\)", lambda: flow.log_prob(z)),
            (TypeError, "x: expected an array of float64, got int64", lambda: flow.log_prob(np.zeros((22, 3), int))),
            (ValueError, "samples: expected at least 1, got 0", lambda: flow.sample(z, 0)),
            (ValueError, "timestep: expected one for each of 2 frames, got 3", lambda: flow.sample(z, timestep=[1, 2, 3])),
            (TypeError, "incompatible", lambda: flow.sample(z, seed=-1)),
            (RuntimeError, "first sample", lambda: flow.sample(z, first_sample=-1)),
            (ValueError, "precision: expected single or double, got half", lambda: backmap.Flow(MODEL, precision="half")),
            (FileNotFoundError, "no-such-file", lambda: backmap.Flow("no-such-file")),
            (RuntimeError, "test_backmap.py: .*not a model file", lambda: backmap.Flow(__file__)),
        ):
            with self.assertRaisesRegex(error, text):
                call()


def write_table(name, seed, first_step, temperature=300):
    """A table of 200 frames of 4 samples, with the odd energy that is infinite or not a number."""
    random = np.random.default_rng(seed)
    log_w = random.standard_normal((200, 4))
    log_w[3, 1], log_w[9, 0] = -np.inf, np.nan
    with open(name, "w") as out:
        out.write("# backmap sample table 1\n# units real\n# temperature %g\n# kT %.15g\n# samples 4\n# molecule toy\n"
                  "# step molecule sample logweight U U_CG logq v_r c_state\n" % (temperature, KT))
        for i in range(200):
            for j in range(4):
                r = random.standard_normal() + 0.3 * log_w[i, j]
                out.write("%d 1 %d %.15g %.15g %.15g %.15g %.15g %d\n"
                          % (first_step + 2 * i, j, log_w[i, j], -KT * log_w[i, j], 0.5, -1.0, r, r > 1.0))
        out.write("# seconds 2.5\n")
    return log_w


class Tables(unittest.TestCase):
    def test_columns_and_weights(self):
        log_w = write_table("one.txt", 1, 0).ravel()
        table = backmap.read_table("one.txt")
        self.assertEqual((table.units, table.molecule_name, table.temperature, table.samples), ("real", "toy", 300.0, 4))
        self.assertEqual(table.observables, ["v_r", "c_state"])
        self.assertEqual((len(table), table.values.shape), (800, (800, 2)))
        self.assertAlmostEqual(table.kT, KT, places=12)
        np.testing.assert_array_equal(table.step, np.repeat(2 * np.arange(200), 4))
        np.testing.assert_array_equal(table.sample, np.tile(np.arange(4), 200))
        np.testing.assert_allclose(table.logweight, log_w, rtol=1e-14)
        np.testing.assert_allclose(table.u, -KT * log_w, rtol=1e-14)
        np.testing.assert_array_equal(table.log_q, -1.0)
        np.testing.assert_array_equal(table.u_cg, 0.5)
        np.testing.assert_array_equal(table.molecule, 1)
        w = np.exp(np.nan_to_num(log_w, nan=-np.inf, neginf=-np.inf))
        np.testing.assert_allclose(table.weights, w / w.sum(), rtol=1e-12)
        # the mean that they give is the one that is reported
        report = backmap.report([table])
        self.assertAlmostEqual(report["observables"]["r"][0], table.weights @ np.nan_to_num(table.values[:, 0]), places=12)
        self.assertEqual((report["zero_weights"], report["nan_energies"], report["tables"]), (1, 1, 1))

    @unittest.skipUnless(os.environ["BACKMAP_LMP"], "built without LAMMPS")
    def test_report_is_that_of_the_command(self):
        names = ["one.txt", "two.txt", "three.txt", "four.txt"]
        for i, name in enumerate(names):
            write_table(name, i + 1, i % 2)
        tables = [backmap.read_table(name) for name in names]
        for given, keywords, options in ((1, "", {}), (4, "", {}), (4, "blocks 8", {"blocks": 8}), (4, "runs 2", {"runs": 2})):
            with open("in.report", "w") as script:
                script.write("backmap_report %s json report.json %s\n" % (" ".join(names[:given]), keywords))
            subprocess.run([os.environ["BACKMAP_LMP"], "-in", "in.report", "-log", "none", "-screen", "none"], check=True)
            with open("report.json") as file:
                expected = json.load(file)
            got = backmap.report(tables[:given], **options)
            self.assertEqual(got, expected)
            self.assertEqual(list(got), list(expected))
            self.assertGreater(got["estimates"]["r"]["error"], 0.0)

    def test_errors(self):
        write_table("one.txt", 1, 0)
        write_table("two.txt", 2, 0)
        write_table("hot.txt", 1, 0, temperature=310)
        one, two, hot = (backmap.read_table(name + ".txt") for name in ("one", "two", "hot"))
        with open("broken.txt", "w") as out:
            out.write(open("one.txt").read()[:400] + " x\n")
        for error, text, call in (
            (ValueError, "at least one sample table", lambda: backmap.report([])),
            (ValueError, "blocks: expected at least 4, got 0", lambda: backmap.report([one], blocks=0)),
            (RuntimeError, "runs, expected a divisor of the number of tables, 2, got 3", lambda: backmap.report([one, two], runs=3)),
            (RuntimeError, "those of table one.txt once more", lambda: backmap.report([one, one])),
            (RuntimeError, "sample table hot.txt: temperature", lambda: backmap.report([one, hot])),
            (RuntimeError, "sample table broken.txt, line", lambda: backmap.read_table("broken.txt")),
            (FileNotFoundError, "no-such-file", lambda: backmap.read_table("no-such-file")),
            (TypeError, "incompatible", lambda: backmap.report("one.txt")),
        ):
            with self.assertRaisesRegex(error, text):
                call()


unittest.main()
