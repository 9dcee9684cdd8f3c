"""A grader that trusts nothing: students' code runs in a sandbox that holds no answer.

The modules from the outside in: `report` writes what people read and `export` what programs do,
`grade` works through a class and `run` through one submission. `arrivals` has found that among the
`candidates`, whose names `platforms` explains and which `files` opens; `notebook` has parsed it,
noting what is `borrowed`. `causes` says which cells stopped and who lost by it. `probes` holds who
judges the `calls` that are made and the `replies` to them, and `paste` writes a call as a student
can make it. `session` talks to a sandbox, `sandbox` starts one, `usage` watches it, and `harness`
is what runs inside. `results` are what is stored, `lateness` says what being late costs, and
`items` holds their statistics. `submissions` reads a class and runs
nothing: of its code, `lexemes` leaves what names and layout cannot change, `similarity` compares
that, and `side_by_side` shows what is alike; its answers in words are made `anonymous`, and get
their points `by_hand`. `release` makes what students get, `demo` a class to try all this on.

The grader itself knows nothing of diffusion: an assignment's questions are all in
``solutions/<name>/grading.py``, and `truths` are those that several assignments share.
"""
