# Train and validate a flow for five beads, one centre of mass per residue
include         in.forcefield
train_flow      ala3.com.map.json ala3.com.flow.safetensors temperature 300 seed 1 epochs 10 rate 2e-3 decay 0.5 hidden 64 &
                files allatom.dump last 4500000 dump x y z box no
backmap_validate ala3.com.flow.safetensors in.forcefield temp 300.0 samples 500 frames 200 &
                files allatom.dump first 4500100 dump x y z box no
