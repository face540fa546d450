"""Reading, weighing and drawing what BACKMAP writes; scripts/backmap_plot and the scripts of the examples use it."""
