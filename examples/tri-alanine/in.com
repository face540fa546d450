# Train and validate a flow for five beads, one centre of mass per residue
include         in.forcefield
train_flow      ala3.com.map.json ala3.com.flow.safetensors temperature 300 minutes 20 &
                files allatom.minus.*.dump temper log.allatom.minus 0 last 3240000 &
                files allatom.plus.*.dump temper log.allatom.plus 0 last 3240000 &
                dump x y z box no
backmap_validate ala3.com.flow.safetensors in.fine temp 300.0 samples 500 frames 200 &
                files ala3.heldout.dump dump x y z box no
