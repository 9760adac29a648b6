"""Sentences about groups of people: harmless ones, of which none may be flagged, and attacks, which must be caught.

Terms and templates are none of those in ``training_jobs.fitting.augmentation``; a test says so. The names of some
groups are in the lexicon that a model may have (``moderation.lexicon``), those of others are not, so that it shows what
becomes of people whom nobody has listed.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Group(NamedTuple):
    """A group of people.

    Attributes:
        ground: what it is a group by; the name of a class.
        adjective: of one member.
        plural: several members.
    """

    ground: str
    adjective: str
    plural: str


class Sentence(NamedTuple):
    """A sentence about a group.

    Attributes:
        text: as a tweet.
        kind: what it does, a key of :data:`HARMLESS_KINDS` or :data:`ATTACK_KINDS`.
        group: whom it is about.
    """

    text: str
    kind: str
    group: Group


GROUPS: Final = (
    Group("religion", "Sikh", "Sikhs"),
    Group("religion", "Buddhist", "Buddhists"),
    Group("religion", "Methodist", "Methodists"),
    Group("religion", "Orthodox", "Orthodox people"),
    Group("religion", "Quaker", "Quakers"),
    Group("religion", "Sunni", "Sunnis"),
    Group("religion", "Shinto", "Shintoists"),
    Group("religion", "Mennonite", "Mennonites"),
    Group("religion", "Alevi", "Alevis"),
    Group("ethnicity", "Nigerien", "Nigeriens"),
    Group("ethnicity", "Korean", "Koreans"),
    Group("ethnicity", "Turkish", "Turks"),
    Group("ethnicity", "Somali", "Somalis"),
    Group("ethnicity", "Vietnamese", "Vietnamese people"),
    Group("ethnicity", "Brazilian", "Brazilians"),
    Group("ethnicity", "Kurdish", "Kurds"),
    Group("ethnicity", "Native American", "Native Americans"),
    Group("ethnicity", "Maori", "Maori people"),
    Group("ethnicity", "Chechen", "Chechens"),
    Group("ethnicity", "Basque", "Basques"),
    Group("ethnicity", "Walloon", "Walloons"),
    Group("gender", "lesbian", "lesbians"),
    Group("gender", "transgender", "transgender people"),
    Group("gender", "non-binary", "non-binary people"),
    Group("gender", "heterosexual", "heterosexuals"),
    Group("gender", "divorced", "wives"),
    Group("gender", "widowed", "ladies"),
    Group("gender", "demisexual", "demisexuals"),
    Group("age", "retired", "pensioners"),
    Group("age", "adolescent", "adolescents"),
    Group("age", "fifty-year-old", "grandmothers"),
    Group("age", "preschool", "toddlers"),
    Group("age", "octogenarian", "octogenarians"),
)

HARMLESS_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "everyday life": (
        "My {adjective} aunt made soup for the whole street",
        "A {adjective} cyclist won the race yesterday",
        "Our {adjective} dentist is moving to a bigger office",
        "Saw a {adjective} comedian last night, very funny",
        "The {adjective} lady at the bakery knows everybody's name",
        "a {adjective} engineer gave the opening talk",
        "two {plural} in the queue ahead of me are debating whether a hot dog counts as soup",
        "Our physics tutor, who is {adjective}, cycles in from the coast each day",
        "spotted a flyer for {adjective} karaoke at the Anchor, doors at 8",
        "Census figures out today: {plural} now number just over 61,000 in the province.",
        "the {adjective} goalkeeper signed for Betis on a free, medical tomorrow",
        "walked the dog past some {plural} flying kites, she barked at every one of them (the kites)",
        "A radio play about {plural} running a lighthouse won the drama award",
        "Guess who got seated beside the {adjective} accountant at the wedding and now understands tax",
        "Swimming lanes 4 and 5 are reserved for {plural} from noon til one",
        "My barber has mostly {adjective} customers and mostly terrible jokes",
        "hey does anybody have the number of that {adjective} electrician from the noticeboard",
        "{plural} and their friends are meeting by the fountain for a picnic, bring a blanket",
        "Documentary night! it's the one on {adjective} fishermen and the disappearing eels",
        "train delayed 50 mins, shared my crisps with three {plural} who taught me a card game",
        "Hospital trust names {adjective} surgeon as chair of its ethics board",
        "the flat below has {plural} in it, they hoover at weird hours but otherwise lovely and quiet",
    ),
    "about oneself": (
        "My cousin is {adjective} and teaches maths",
        "I'm {adjective}, nice to meet you all",
        "Growing up {adjective} in a small town was fine, mostly",
        "We are {plural} and we run the corner shop",
        "Hi, new here! {adjective}, left-handed, obsessed with ferns.",
        "nobody warned me that being {adjective} involves this many whatsapp groups",
        "In my family there are four {plural}, one vegan and a parrot with opinions",
        "Took me ages to say it without whispering: I am {adjective}.",
        "told my flatmate I'm one of those {plural} who actually enjoys paperwork and she screamed",
        "My uncle is {adjective} and my aunt isn't and they've bickered happily about it since the eighties",
        "yes im {adjective}, no i don't know your mate Chris",
        "us {plural} when the host brings out dessert: 👀👀",
    ),
    "in company": (
        "Some {plural} from our choir are singing on Sunday",
        "The library has a new shelf of stories by {plural}",
        "{plural} were among the visitors of the science fair",
        "Lunch with three {plural} and a lot of laughter",
    ),
    "opinions": (
        "Which shampoo brands actually think about {plural} when they design stuff? Asking seriously",
        "The {adjective} contestant's lasagne was insane, give them the trophy and end the series",
        "im wheezing, the {plural} at the next table just roasted their waiter and he roasted them back",
        "Do {plural} really drink more tea than coffee or is that a marketing thing",
        "Personally I find {adjective} novelists a bit long-winded, though the endings land",
        "Need advice: how do I word an invitation so {plural} feel welcome without it being cringe?",
        "what a savage bassline, this {adjective} producer is a monster in the studio",
        "Compared with twenty years ago, {plural} seem far more visible on telly. Am I imagining it?",
    ),
    "liking": (
        "The {adjective} mechanic round the corner refused payment. Faith in humanity restored.",
        "big love to {plural} everywhere today, hope the sun shines on your parade ☀️",
        "Our {adjective} treasurer turned 31 pence and a raffle into a new roof. Legend. Cake's on me",
        "learned to knit from a bunch of {plural} and honestly they're the best company going",
        "Bravo to the {adjective} engineers behind this bridge, what a beauty",
        "wish I had half the style {plural} have, i dress like a laundry basket",
        "Delighted for the {adjective} shortlist nominees, fantastic writing from start to finish",
        "To the {plural} who cheered me over the finish line: you have no idea what it meant. Cheers.",
    ),
    "standing up for": (
        "Leave {plural} alone, they have done nothing to you",
        "Nobody should be mocked for being {adjective}",
        "Proud to stand with {plural} at the march tomorrow",
        "Calling {plural} names is not a joke, please stop",
        "Someone posted 'get rid of the {plural}' in the residents' chat and 30 neighbours told him where to go",
        "Why is it always {plural} who get blamed when the economy tanks? Lazy and cruel.",
        "A judge ruled that refusing a flat to {adjective} tenants broke equality law",
        "my teacher called {plural} 'savages' back in '97, I still think about the boy who stood up and objected",
        "I don't hate {plural}. I hate this rain. Please read before you quote me.",
        "Calling {adjective} players monkeys from the stands should mean a lifetime ban, end of",
        "Hotline for {plural} facing abuse online: it's open round the clock, they'll listen",
        "so you think being {adjective} is a disease? buddy the only sick thing here is that opinion",
        "Two charged after {adjective} centre is set alight; nobody hurt",
        "It's 2020 and I still have to explain that {plural} are human beings. Exhausting.",
        "heard a bloke shout 'dirty {plural}' on the metro and the entire carriage booed him off, proud of this city",
        "Nobody deserves to lose their career simply for being {adjective}. Sign the petition below.",
    ),
}
"""Templates of harmless sentences, by what they do. The last kind is the hardest: it speaks of attacks and is none."""

ATTACK_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "insult": (
        "I can't stand {plural}, what a bunch of idiots",
        "{plural} are the most stupid people on earth",
        "every one of these {plural} is a bitch",
        "lol {plural} are retarded and ugly",
        "what a shower of useless {adjective} wankers",
        "Honestly {plural} have shit for brains and a mouth twice the size",
        "never met {plural} who weren't greedy backstabbing arseholes",
        "u {adjective} retards are ruining this app",
        "Ugh. {plural}. Hideous, thick and rotten right through.",
        "of course the driver was {adjective}, the stupid useless idiot couldn't park a pram",
        "To all {plural} reading this: screw you, you bunch of cowardly maggots",
        "Pretty sure {adjective} imbeciles share one brain cell and it's on strike",
    ),
    "threat": (
        "somebody should shoot those damn {plural}",
        "next time I see {plural} I will break their bones",
        "burn down the houses of the {plural}",
        "petrol's cheap this week, just saying, and I know where the {plural} sleep",
        "Every one of you {adjective} rats is going to bleed, we've got addresses",
        "shoot {plural} on sight and the crime rate would drop overnight",
        "Can't wait for the day we drag {plural} out of bed and smash their skulls",
        "somebody put a bomb under that {adjective} festival pls, i'll hold your beer",
        "Beat up one of the {plural} today. Who's up for making it a weekly thing?",
    ),
    "exclusion": (
        "{plural} are scum and should all be deported",
        "fuck all {plural}, they are garbage",
        "{plural} are a disease, send them away",
        "we don't serve {plural} here, clear off",
        "Throw {plural} out, bolt the gate, and good riddance to the filth",
        "they should not be allowed kids. {plural} are a plague, full stop",
        "Stop the pensions, stop the housing, let {plural} rot in the gutter where they belong",
        "a dog has more of a soul than any {adjective} lowlife, so why do they have a lawyer",
        "{adjective} swine shouldn't own land, shouldn't hold office, shouldn't speak",
        "Round up {plural} and put them in camps, it's pest control not politics",
        "keep {adjective} leeches out of our parks, our pools, our damn lives",
        "No citizenship for {plural}. You don't hand keys to a tumour.",
    ),
    "without a bad word": (
        "{plural} should not be allowed to vote",
        "no wonder it went wrong, they put a {adjective} in charge",
        "I would never let my children play with {plural}",
        "there goes the neighbourhood, {plural} moved in",
        "count your change when {plural} are around",
        "Checked the passenger list, saw {plural} on it, rebooked. Better safe than sorry.",
        "A world without {plural}... close your eyes and picture how peaceful",
        "There's a reason nobody hires {plural}, and it isn't prejudice, it's experience",
        "I'm sure the {adjective} doctor is very sweet but I'd like a proper one",
        "you let one of the {plural} in and by christmas they're running the place",
        "not saying it was the {adjective} lodger, but the silver didn't walk off alone did it",
        "Teaching {plural} manners is like reading poetry to a brick",
        "If it's {adjective} I change the channel, simple as. My eyes deserve a rest.",
        "They used to have separate entrances for {plural}. Grandma says things ran smoother.",
        "My daughter made friends with {plural} so we've found her a different school.",
    ),
}
"""Templates of attacks, by what they do. The last kind is the hardest: nothing in it is a bad word."""

_NEUTRAL_KINDS: Final = ("everyday life", "about oneself", "in company", "opinions", "liking")
_PLAIN_KINDS: Final = ("insult", "threat", "exclusion")


def sentences(kinds: dict[str, tuple[str, ...]]) -> list[Sentence]:
    """Every template of some kinds about every group."""
    return [
        Sentence(template.format(adjective=group.adjective, plural=group.plural), kind, group)
        for kind, templates in kinds.items()
        for template in templates
        for group in GROUPS
    ]


def harmless() -> list[tuple[str, str]]:
    """Neutral sentences, each with the kind of group that it names; those that stand up for one are not among them."""
    return _plain(HARMLESS_KINDS, _NEUTRAL_KINDS)


def attacks() -> list[tuple[str, str]]:
    """Attacks in plain words, each with the kind of group that it names; none is without a bad word."""
    return _plain(ATTACK_KINDS, _PLAIN_KINDS)


def _plain(templates: dict[str, tuple[str, ...]], kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    chosen = sentences({kind: templates[kind] for kind in kinds})
    return [(sentence.text, sentence.group.ground) for sentence in chosen]
