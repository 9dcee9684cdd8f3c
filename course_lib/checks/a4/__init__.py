"""The clinic of assignment a4: ``clinic.Patient(loss, sample)`` and the checks of what is mended.

`clinic` runs a program on points and shows its symptoms, `scans` one on digits; `conduct` looks at
how its functions behave; `visible` holds the checks.
"""

from course_lib.checks.a4.clinic import Patient, T
from course_lib.checks.a4.scans import Scans
from course_lib.checks.a4.visible import Fault, curve, discharge, named

__all__ = ["Fault", "Patient", "Scans", "T", "curve", "discharge", "named"]
