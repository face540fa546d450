"""From a LAMMPS script that reads a molecule to reports and plots; scripts/backmap_workflow runs it."""
