# Train and validate a flow for five beads, one centre of mass per residue
include         in.forcefield
train_flow      ala3.com.map.json ala3.com.flow.safetensors temperature 300 minutes 20 &
                files allatom.minus.0.dump allatom.minus.1.dump allatom.minus.2.dump allatom.minus.3.dump allatom.minus.4.dump &
                  temper log.allatom.minus 0 last 3240000 &
                files allatom.plus.0.dump allatom.plus.1.dump allatom.plus.2.dump allatom.plus.3.dump allatom.plus.4.dump &
                  temper log.allatom.plus 0 last 3240000 &
                dump x y z box no
backmap_validate ala3.com.flow.safetensors in.fine temp 300.0 samples 500 frames 200 &
                files ala3.heldout.dump dump x y z box no
