"""A grader that trusts nothing: students' code runs in a sandbox that holds no answer.

The modules from the outside in: `cli` is the command line, `report` writes what people read,
`grade` runs a class, `probes` holds what is asked and who judges it, `notebook` reads a
submission, `session` talks to a sandbox, `sandbox` starts one, and `harness` is what runs inside.
The grader itself knows nothing of diffusion: an assignment's questions and truths are all in
``solutions/<name>/grading.py``.
"""
