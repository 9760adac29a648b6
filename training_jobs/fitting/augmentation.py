"""Tweets made up for training: disguised copies of real ones, and sentences about groups of people.

A model that has only seen groups named in attacks takes the name for the attack. So it is also shown people of many
groups doing ordinary things (harmless), ordinary short sentences without any group, and, at a low weight, attacks in
plain words, lest it learn that a group's name is always harmless. All of it comes from a seed. The terms and templates
here are none of those by which models are tested (``training_jobs.evaluation``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from moderation.labels import Label


class MadeUp(NamedTuple):
    """Tweets for training.

    Attributes:
        texts: raw tweets.
        labels: as many.
        weights: as many; how much each counts beside a real tweet's 1.
        origins: as many; the index of the real tweet that it is a copy of, or below zero, one number for each template.
    """

    texts: list[str]
    labels: list[Label]
    weights: list[float]
    origins: list[int]


DISGUISED_SHARE: Final = 0.25
DISGUISED_WEIGHT: Final = 0.4
HARMLESS_WEIGHT: Final = 1.0
ATTACK_WEIGHT: Final = 0.6

_GROUPS: Final[dict[Label, tuple[str, ...]]] = {
    Label.RELIGION: (
        "Muslim",
        "Christian",
        "Jewish",
        "Hindu",
        "Catholic",
        "Mormon",
        "atheist",
        "Islamic",
        "Protestant",
        "Baptist",
        "Lutheran",
        "Anglican",
        "Amish",
        "pagan",
        "Jain",
        "Zoroastrian",
    ),
    Label.ETHNICITY: (
        "Black",
        "white",
        "Asian",
        "Mexican",
        "African",
        "Arab",
        "Indian",
        "Chinese",
        "Latino",
        "Pakistani",
        "Hispanic",
        "Jamaican",
        "Polish",
        "Irish",
        "immigrant",
        "African American",
        "Swedish",
        "Greek",
        "Russian",
        "Egyptian",
        "Filipino",
        "Cuban",
        "Haitian",
        "Syrian",
        "Peruvian",
        "Roma",
    ),
    Label.GENDER: (
        "gay",
        "female",
        "male",
        "trans",
        "feminist",
        "bisexual",
        "queer",
        "single",
        "pregnant",
        "blonde",
        "asexual",
        "married",
    ),
    Label.AGE: (
        "teenage",
        "elderly",
        "young",
        "middle-aged",
        "high school",
        "twelve-year-old",
        "old",
        "school",
        "thirty-year-old",
        "college",
        "teen",
    ),
}
_PLURALS: Final[dict[Label, tuple[str, ...]]] = {
    Label.RELIGION: (
        "Muslims",
        "Christians",
        "Jews",
        "Hindus",
        "Catholics",
        "Mormons",
        "atheists",
        "Lutherans",
        "Anglicans",
        "pagans",
        "Jains",
        "Zoroastrians",
        "Amish people",
    ),
    Label.ETHNICITY: (
        "Black people",
        "white people",
        "Asians",
        "Mexicans",
        "Africans",
        "Arabs",
        "Indians",
        "immigrants",
        "Chinese people",
        "Swedes",
        "Greeks",
        "Russians",
        "Egyptians",
        "Filipinos",
        "Cubans",
        "Haitians",
        "Syrians",
        "Peruvians",
        "gypsies",
    ),
    Label.GENDER: (
        "women",
        "girls",
        "gay people",
        "feminists",
        "trans people",
        "gays",
        "females",
        "men",
        "drag queens",
        "mothers",
        "housewives",
        "asexuals",
    ),
    Label.AGE: (
        "teenagers",
        "high school girls",
        "kids in my school",
        "old people",
        "middle school kids",
        "boomers",
        "millennials",
        "seniors",
        "freshmen",
        "babies",
    ),
}
_PEOPLE: Final = (
    "neighbour",
    "friend",
    "colleague",
    "teacher",
    "doctor",
    "student",
    "couple",
    "family",
    "nurse",
    "writer",
    "man",
    "woman",
    "singer",
    "chef",
    "roommate",
    "girl",
    "boy",
    "kid",
    "guy",
    "community",
)
_ORDINARY: Final = (
    "My {group} {person} baked bread for everybody this morning",
    "A {group} {person} helped me carry the shopping up the stairs",
    "Had a lovely chat with a {group} {person} on the train",
    "The new {group} {person} at work is really good at chess",
    "Our {group} {person} just won an award, so proud",
    "I am reading a novel by a {group} {person}, highly recommended",
    "The {group} {person} next door is planting tomatoes",
    "There is a documentary about a {group} {person} on tonight",
    "We invited a {group} {person} for dinner and played cards",
    "A {group} {person} opened a small bookshop in our street",
    "I am a {group} {person} and I love hiking",
    "Being a {group} {person}, I get up early for work",
    "As a {group} {person} I voted today",
    "Happy birthday to my favourite {group} {person}!",
    "The {group} {person} explained the homework very well",
    "Interview with a {group} {person} about music and film",
    "{group} {person} here, looking for book tips",
    "That {group} {person} has a great voice",
)
_ORDINARY_PLURAL: Final = (
    "Many {group} live in this part of the city",
    "{group} are celebrating a festival this weekend",
    "The survey asked {group} and others about the weather",
    "{group} and their friends organised a football match",
    "I work with {group} every day and enjoy it",
    "A new museum about the history of {group} opens in May",
    "{group} deserve the same rights as everybody",
    "I learned a lot from {group} on my trip",
    "{group} came to our barbecue and brought cake",
    "The exhibition shows portraits of {group} from four countries",
    "Good luck to all {group} who run the marathon tomorrow",
    "My street is home to several {group}",
    "New scholarship for {group} who study physics",
)
_ATTACKS: Final = (
    "all {group} are filthy animals and should disappear",
    "I hate {group}, they ruin everything they touch",
    "{group} are stupid, lazy and worthless",
    "get rid of all {group}, nobody wants them here",
    "{group} are disgusting vermin",
    "we should beat up {group} until they leave",
    "never trust {group}, they are all liars and criminals",
    "{group} do not deserve to live among us",
    "shut up, {group} are too dumb to understand anything",
    "{group} make me sick, what a pathetic lot",
    "those ugly {group} should be locked up",
    "kill all {group}",
    "{group} should go back to where they came from",
    "I am so sick of {group} and their whining",
    "{group} are nothing but parasites",
    "nobody likes {group}, they smell",
    "typical {group}, always lying and stealing",
    "keep those nasty {group} away from me",
    "I would never hire {group}, they are useless",
    "why are {group} so fucking stupid",
    "the world would be better without {group}",
    "{group} are subhuman and should be wiped out",
    "screw {group}, bunch of cowards and freaks",
    "bloody {group} are ruining this country",
    "kick every last one of the {group} out of the country",
    "send all the {group} back on the next boat",
    "{group} are a cancer on this country",
    "{group} are a plague and we need a cure",
    "{group} should all get a bullet",
    "I want to punch every one of those {group}",
    "burn their houses, {group} have it coming",
    "hang the {group}, no mercy",
    "{group} are the dumbest creatures I have ever met",
    "no people is as stupid as {group}",
    "{group} are rats, treat them like rats",
    "the only good thing about {group} is when they leave",
    "{group} belong in a cage",
    "spit on {group} when you see them",
    "{group} are thieves and rapists",
    "ban {group} from our schools and shops",
    "{group} breed like insects",
    "damn {group}, I wish they were all dead",
    "{group} are evil, every single one",
    "do not let your kids near {group}, they are perverts",
    "{group} are inferior and always will be",
    "throw the {group} out of the country",
    "we do not want {group} here, get out",
)
_HARSH: Final = (
    "you are a worthless idiot and everybody hates you",
    "shut up you pathetic loser",
    "go kill yourself, nobody likes you",
    "what an ugly disgusting piece of trash you are",
    "you are so dumb it hurts, get lost",
    "everyone laughs at you, freak",
)
_INSULTS: Final = (
    "bitch",
    "hoe",
    "cunt",
    "faggot",
    "fag",
    "dyke",
    "slut",
    "whore",
    "pussy",
    "retard",
    "nigger",
    "cracker",
    "white trash",
    "wetback",
    "tranny",
    "asshole",
    "dickhead",
    "motherfucker",
    "moron",
    "twat",
    "scumbag",
    "bastard",
    "thot",
    "queer",
    "redneck",
    "dumbass",
    "nigga",
    "skank",
    "trash",
    "coon",
    "jackass",
)
_INSULTING: Final = (
    "you {insult}",
    "shut up {insult}",
    "that {insult} again",
    "what a {insult}",
    "these {insult}s are all the same",
    "fuck that {insult}",
    "he is such a {insult}",
    "she's a dumb {insult}",
    "I hate this {insult}",
    "look at this {insult} lol",
    "stop acting like a {insult}",
    "RT @user: ugly ass {insult}",
    "@user you sound like a {insult}",
    "@user fuck you {insult}",
    "I swear {insult}s get on my nerves",
    "them {insult}s can't be trusted",
    "u a {insult} and u know it",
    "bitch ass {insult} stay mad",
    "RT @user: {insult}s be lying all day",
    "this {insult} really thinks she's cute",
    "tell that {insult} to shut the fuck up",
    "ain't nobody scared of you {insult}",
    "can't stand a broke {insult}",
    '"@user: you {insult}" lmao',
)
_SUBJECTS: Final = (
    "I",
    "We",
    "My sister",
    "My brother",
    "The team",
    "Mum",
    "Our dog",
    "The neighbours",
    "Somebody",
    "Grandpa",
)
_DOINGS: Final = (
    "made soup for dinner",
    "went for a walk by the river",
    "finally fixed the bike",
    "watched the game last night",
    "is reading a good book",
    "planted flowers on the balcony",
    "missed the bus again",
    "found a nice cafe",
    "got a new job",
    "bought tickets for the concert",
    "cooked pasta",
    "is learning the guitar",
    "needs coffee",
    "painted the kitchen",
    "is on holiday",
    "loves the snow",
    "passed the exam",
    "cleaned the garage",
    "is late for work",
    "took some photos",
)
_ENDINGS: Final = (
    "",
    ".",
    "!",
    " today",
    " this weekend",
    " :)",
    " and it was great",
    " with friends",
    " again",
    " lol",
)

_LOOKALIKES: Final = dict(zip("aeoicpsxy", "\u0430\u0435\u043e\u0456\u0441\u0440\u0455\u0445\u0443", strict=True))
_DIGITS: Final = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"}
_SPELLINGS: Final = (
    ("ck", "k"),
    ("c", "k"),
    ("s", "z"),
    ("f", "ph"),
    ("oo", "u"),
    ("y", "i"),
    ("er", "a"),
    ("ight", "ite"),
)


def make_up(texts: Sequence[str], labels: Sequence[Label], seed: int) -> MadeUp:
    """Tweets to train on beside the real ones, in proportion to them.

    Args:
        texts: real tweets.
        labels: as many.
        seed: the same seed gives the same tweets.
    """
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    made = MadeUp([], [], [], [])
    _add_disguised(made, texts, labels, chance)
    scale = min(1.0, len(texts) / 20_000)
    _add_sentences(made, scale, chance)
    return made


def disguise(text: str, chance: random.Random) -> str:
    """A copy of a tweet in which some words, or all, are disguised in one way."""
    if chance.random() < _WHOLE_SHARE:
        return chance.choice(_WHOLE_WAYS)(text, chance)
    way = chance.choice(_WAYS)
    share = chance.choice((0.3, 0.6, 1.0))
    words = text.split(" ")
    return " ".join(way(word, chance) if _may_change(word) and chance.random() < share else word for word in words)


def _may_change(word: str) -> bool:
    """Whether a word is long enough to be disguised, and neither a mention, a hashtag nor a link."""
    return len(word) > 2 and word[0] not in "@#" and not word.startswith("http")  # noqa: PLR2004


def _add_disguised(made: MadeUp, texts: Sequence[str], labels: Sequence[Label], chance: random.Random) -> None:
    for place in sorted(chance.sample(range(len(texts)), int(DISGUISED_SHARE * len(texts)))):
        _add(made, disguise(texts[place], chance), labels[place], DISGUISED_WEIGHT, place)


def _add_sentences(made: MadeUp, scale: float, chance: random.Random) -> None:
    number = _add_ordinary(made, scale, chance, -1)
    number = _add_attacks(made, scale, chance, number)
    for text in _HARSH:
        for _ in range(max(1, int(8 * scale))):
            _add(made, _cased(text, chance), Label.OTHER_CYBERBULLYING, ATTACK_WEIGHT, number)
        number -= 1
    for template in _INSULTING:
        for insult in _INSULTS:
            if chance.random() < max(scale, 0.05):
                text = _cased(template.format(insult=insult), chance)
                _add(made, text, Label.OTHER_CYBERBULLYING, ATTACK_WEIGHT, number)
        number -= 1


def _add_ordinary(made: MadeUp, scale: float, chance: random.Random, number: int) -> int:
    """Ordinary sentences, with groups and without; returns the next template's number."""
    for template in (*_ORDINARY, *_ORDINARY_PLURAL):
        for _ in range(max(1, int(30 * scale))):
            terms = _PLURALS if template in _ORDINARY_PLURAL else _GROUPS
            group = chance.choice(terms[chance.choice(list(terms))])
            text = template.format(group=group, person=chance.choice(_PEOPLE)) + chance.choice(_ENDINGS)
            _add(made, _cased(text, chance), Label.NOT_CYBERBULLYING, HARMLESS_WEIGHT, number)
        number -= 1
    for subject in _SUBJECTS:
        for _ in range(max(1, int(50 * scale))):
            text = f"{subject} {chance.choice(_DOINGS)}{chance.choice(_ENDINGS)}"
            _add(made, _cased(text, chance), Label.NOT_CYBERBULLYING, HARMLESS_WEIGHT, number)
        number -= 1
    return number


def _add_attacks(made: MadeUp, scale: float, chance: random.Random, number: int) -> int:
    for template in _ATTACKS:
        for label, groups in _PLURALS.items():
            for _ in range(max(1, int(6 * scale))):
                text = template.format(group=chance.choice(groups))
                _add(made, _cased(text, chance), label, ATTACK_WEIGHT, number)
        number -= 1
    return number


def _add(made: MadeUp, text: str, label: Label, weight: float, origin: int) -> None:
    made.texts.append(text)
    made.labels.append(label)
    made.weights.append(weight)
    made.origins.append(origin)


def _cased(text: str, chance: random.Random) -> str:
    return text.lower() if chance.random() < 0.4 else text[0].upper() + text[1:]  # noqa: PLR2004


def _deleted(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return word[:place] + word[place + 1 :]


def _swapped(word: str, chance: random.Random) -> str:
    place = chance.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _inserted(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return word[:place] + chance.choice("aeiourstln.-_*") + word[place:]


def _replaced(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return word[:place] + chance.choice("aeiourstlnm") + word[place + 1 :]


def _doubled(word: str, chance: random.Random) -> str:
    place = chance.randrange(len(word))
    return word[:place] + word[place] * chance.randint(2, 5) + word[place + 1 :]


def _halved(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return f"{word[:place]} {word[place:]}"


def _masked(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    size = chance.randint(1, max(1, len(word) // 2))
    return (word[:place] + "*" * size + word[place + size :])[: len(word)]


def _spaced(word: str, chance: random.Random) -> str:
    return chance.choice((" ", ".", "-", "_")).join(word)


def _digits(word: str, _chance: random.Random) -> str:
    return "".join(_DIGITS.get(letter, letter) for letter in word.lower())


def _lookalikes(word: str, _chance: random.Random) -> str:
    return "".join(_LOOKALIKES.get(letter, letter) for letter in word)


def _vowelless(word: str, _chance: random.Random) -> str:
    return word[0] + "".join(letter for letter in word[1:] if letter not in "aeiou")


def _respelt(word: str, _chance: random.Random) -> str:
    for common, other in _SPELLINGS:
        word = word.replace(common, other)
    return word


def _lowered(text: str, _chance: random.Random) -> str:
    return text.lower()


def _shouted(text: str, _chance: random.Random) -> str:
    return text.upper()


def _mixed_case(text: str, chance: random.Random) -> str:
    return "".join(chance.choice((letter.upper(), letter.lower())) for letter in text)


def _unpunctuated(text: str, _chance: random.Random) -> str:
    return "".join(letter for letter in text if letter.isalnum() or letter in " @#/_&")


def _padded(text: str, chance: random.Random) -> str:
    """With ordinary words before or after it, which must not make up for the rest."""
    filling = f"{chance.choice(_SUBJECTS)} {chance.choice(_DOINGS)}"
    return f"{filling} {text}" if chance.random() < 0.4 else f"{text} {filling}"  # noqa: PLR2004


def _run_together(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    gaps = ["" if _may_change(word) and chance.random() < 0.4 else " " for word in words]  # noqa: PLR2004
    return "".join(word + gap for word, gap in zip(words, gaps, strict=True)).strip()


def _backwards(word: str, _chance: random.Random) -> str:
    return word[::-1]


_WAYS: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    _deleted,
    _swapped,
    _inserted,
    _replaced,
    _doubled,
    _halved,
    _masked,
    _spaced,
    _digits,
    _lookalikes,
    _vowelless,
    _respelt,
    _backwards,
    _deleted,
    _swapped,
)
_WHOLE_WAYS: Final = (_lowered, _shouted, _mixed_case, _unpunctuated, _padded, _padded, _run_together)
_WHOLE_SHARE: Final = 0.3
