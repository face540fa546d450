# Sphinx configuration of the BACKMAP manual:  sphinx-build -W -b html doc/src doc/html
project = 'BACKMAP'
author = 'the BACKMAP developers'
copyright = '2026, the BACKMAP developers'
release = '0.1'
extensions = ['sphinx.ext.mathjax']
root_doc = 'index'
html_theme = 'sphinx_rtd_theme'
html_show_sourcelink = False
html_static_path = ['_static']
html_css_files = ['tables.css']
exclude_patterns = ['html']
# input script fragments are LAMMPS, for which Sphinx has no lexer
highlight_language = 'none'
