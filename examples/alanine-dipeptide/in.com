# Train and validate a flow for three beads that are centres of mass (ACE, ALA, NME) instead of six atoms.
# Umbrella frames cannot be used here, because phi is not a function of these beads.
#   lmp -in in.com
include         in.forcefield

train_flow      ala2.com.map.json ala2.com.flow.safetensors temperature 300 seed 1 minutes 20 &
                files allatom.minus.*.dump temper log.allatom.minus 0 last 7200000 &
                files allatom.plus.*.dump temper log.allatom.plus 0 last 7200000 &
                dump x y z box no

backmap_validate ala2.com.flow.safetensors in.fine temp 300.0 samples 500 frames 200 &
                files ala2.heldout.dump dump x y z box no
