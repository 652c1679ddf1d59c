"""The words of the generated utterances, and sentences made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_WORDS = """
a after and as ask at back be big bird blue boat book box boy bread bring but by came can city
cold come cup dark day did do dog don't down drink earth eat every eye far farm fast find fire
first fish five for found four friend from game garden gave girl give go gold good great green
had hand have he heart help her here high his home horse house how i i'm ice if in is it it's
jump just keep kind king know land last late leave left let life light like line long look love
made make man many map may me milk mind moon more move much music my name near never new next
night no north not now of off old on one open or other our out over own paper part place plant
play queen quick quiet rain read red rest ride right river road round run said sail same say sea
see set she ship show side sing six sky sleep slow small snow so some song south stay stone stop
story sun swim table take talk tell ten than that that's the them there they this three time to
told town tree try two under up us very voice wait walk want war warm was wave way we went west
what when where white who wide will wind wing winter with wood word work year yes you young zoo
"""
WORDS = tuple(_WORDS.split())


def sentence(random: np.random.Generator) -> str:
    """Two to four words, in lower case with a space between."""
    count = int(random.integers(2, 5))
    return " ".join(WORDS[index] for index in random.integers(0, len(WORDS), count))
