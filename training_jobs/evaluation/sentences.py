"""Sentences that stand for what a model is to do with them, written for the tests of its behaviour.

None is a tweet of anybody's, none is about a real person, and none is a template that training makes tweets from
(``training_jobs.fitting.augmentation``); a test says so.
"""

from __future__ import annotations

from typing import Final

INSULTS: Final = (
    "you are an idiot and a coward",
    "what a pathetic little worm you are",
    "you stupid clown, nobody asked you",
    "you are ugly and everybody laughs behind your back",
    "you're a stupid fat pig",
    "you disgusting creep, crawl back into your hole",
    "she is a lying bitch and everyone knows it",
    "he's a complete moron, dumb as a brick",
    "you worthless piece of garbage",
    "such an ugly loser, no wonder you have no friends",
    "you are the dumbest person I have ever met",
    "fuck you, you miserable idiot",
)
THREATS: Final = (
    "I know where you live and I will hurt you",
    "watch your back, we will beat you up after class",
    "I am going to kill you, you hear me",
    "somebody ought to smash your face in",
    "you will get what you deserve, we are coming for you with knives",
    "say that again and I'll break your legs",
    "hope you die alone in pain",
    "do us all a favour and jump off a bridge",
)
GREETINGS: Final = (
    "Good morning everybody",
    "hello from the train",
    "Hi all, how are you doing?",
    "Happy birthday, have a wonderful day",
    "good night, sleep well",
    "Welcome to the team, Sam",
    "Thanks a lot for your help yesterday",
    "Congratulations on the new flat!",
    "See you at the station at nine",
    "Merry Christmas to you and yours",
    "have a nice weekend",
    "Nice to hear from you again",
)
EVERYDAY: Final = (
    "The bus was late again this morning",
    "Trying a new recipe with mushrooms tonight",
    "Anyone know a good plumber near the harbour?",
    "The museum is open until eight on Thursdays",
    "My tomato plants are finally turning red",
    "Just finished the last season, what an ending",
    "Rain all day, so we stayed in and played cards",
    "Two tickets left for the match on Saturday",
    "I disagree with the council about the new car park",
    "The second half was much better than the first",
    "Learning to bake bread, third attempt",
    "Our library lends out tools now",
)
CRITICISM: Final = (
    "That film was stupid and far too long",
    "The new update is garbage, my phone is slower than ever",
    "What an ugly building they put up at the station",
    "Worst coffee I have had in months",
    "This game is so dumb but I cannot stop playing",
    "the referee had a terrible day",
    "I hate Mondays",
    "My laptop is a piece of trash and died again",
)
SWEARING: Final = (
    "damn, missed the train by a minute",
    "fuck yes, we won the cup",
    "holy shit that sunset",
    "this bloody printer is out of ink again",
    "what the hell, it is snowing in May",
    "so damn proud of my little brother",
    "shit, I left my keys at work",
    "that was a fucking great concert",
)
SUPPORT: Final = (
    "Somebody called my friend ugly today and I told them to stop",
    "If you are being mocked, tell someone you trust. You are not alone",
    "Please do not call people idiots, talk to them",
    "My son was laughed at for his glasses, the teacher sorted it out kindly",
    "Nobody deserves to be threatened for what they wrote",
    "It took me years to believe that I am not worthless. I am glad I stayed",
    "We start a group against insults in chats, join us",
    "The report says one in three have been insulted online",
)
ADDED_INSULTS: Final = (
    "you stupid loser",
    "you ugly idiot",
    "you worthless piece of trash",
    "shut your mouth, moron",
)
SWAPPED: Final = (
    ("My brother is such an idiot", "My brother is such a joy"),
    ("You are a pathetic liar and I told everybody", "You are a patient teacher and I told everybody"),
    ("This girl is an ugly loser", "This girl is a talented singer"),
    ("Go away, you stupid freak", "Go ahead, you lovely person"),
    ("He is the dumbest clown of the year", "He is the kindest coach of the year"),
    ("They are a bunch of disgusting rats", "They are a bunch of wonderful singers"),
    ("What a worthless idiot, honestly", "What a gorgeous evening, honestly"),
    ("Nobody likes you, you creep", "Everybody likes you, you star"),
)
"""Pairs that differ in whether they insult: the first of each does."""

PLACES: Final = ("Leeds", "Nairobi", "Osaka", "Lima", "Warsaw", "Lagos", "Karachi", "Denver")
PLACE_TEMPLATES: Final = (
    "The train to {place} was late again this morning",
    "We spent a week in {place} and ate far too much",
    "Anyone know a good dentist in {place}?",
    "My aunt moved to {place} in the spring",
    "you are an idiot, go back to {place}",
    "the dumbest loser in all of {place}, that is you",
)
