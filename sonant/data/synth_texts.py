"""Sentences to be spoken: small grammars written for phone coverage, one a language.

A pattern names slots; a slot is a list of words or phrases that fit there whatever stands around it.
English has the widest choice, with families of words that differ in one phone (bat, bet, bit, ...), so that
the same context meets many phones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ..core import SonantError, numpy_generator, require, unknown

GRAMMARS: dict[str, dict[str, str]] = {
    "en-us": {
        "pattern": "The {adj} {who} {did} the {adj} {what} {where}. | {name} {did} the {what} and the {what} {when}. "
        "| {when} the {who} {did} a {what} {where}. | Did the {who} see the {adj} {what} {where}? "
        "| {name} will {do} the {what}, but the {who} won't. "
        "| Could you {do} my {what} {when}? "
        "| They thought that {name} {did} their {what} {when}. | No, the {what} was {adj}, and the {what} was {adj}.",
        "adj": "young, old, thin, thick, huge, calm, loud, quiet, bright, dark, sharp, smooth, rough, cheap, fresh, pure, "
        "royal, noisy, lazy, usual, foreign, yellow, purple, orange, beige, warm, cold, wise, strange, foolish, proud, "
        "empty, joyful, gentle, wooden, double, southern, precious, unusual, charming",
        "who": "boy, girl, teacher, doctor, farmer, judge, captain, sailor, soldier, singer, painter, baker, butcher, king, "
        "queen, thief, father, mother, brother, sister, uncle, cousin, neighbor, child, horse, dog, cat, fox, mouse, "
        "bear, wolf, lion, goose, chicken, shepherd, engineer, lawyer, youth, giant, witch",
        "what": "book, boat, coat, goat, cake, lake, rake, bag, bike, boot, suit, root, coin, toy, oil, voice, noise, house, "
        "mouth, cloud, town, shirt, skirt, church, bird, earth, path, bath, tooth, cloth, feather, leather, weather, "
        "treasure, measure, garage, vision, shoe, chair, chain, jar, jewel, bridge, page, ring, song, wing, finger, "
        "yard, onion, wheel, whale, letter, ladder, butter, apple, paper, table, window, garden, sugar, television, "
        "pool, wood, hood, roof, puzzle, valley, river, thought, leaf, knife, cup, jug, hat, bed, pen, pin, sofa",
        "did": "took, saw, found, bought, sold, moved, watched, painted, carried, pushed, pulled, caught, touched, wanted, "
        "gave up, enjoyed, used, washed, measured, brought back, put away, liked, chose, drew, hid, shook, threw, "
        "chased, judged, bathed, joined, thanked for, looked at, laughed at, talked about, thought of",
        "do": "take, see, find, buy, sell, move, watch, paint, carry, push, pull, catch, touch, want, enjoy, use, wash, "
        "measure, bring, choose, draw, hide, shake, throw, chase, judge, join, look at, laugh at, think of",
        "where": "in the house, by the river, under the bridge, near the church, behind the garage, on the beach, at school, "
        "in the garden, over the hill, between the trees, outside the town, across the road, beside the fire, "
        "through the window, above the valley, along the path, on the other side, in the south, below the roof",
        "when": "this morning, on Thursday, last year, before noon, after the show, every day, in July, at three, "
        "again, in the evening, once more, tomorrow, right now, without a pause, with pleasure, by chance, soon",
        "name": "George, Joyce, Heather, Ruth, Zoe, Vivian, Paul, Mike, Kathy, Jane, Roy, Hugh, Shawn, Thomas, Beth, Judy, "
        "Walter, Yolanda, Charlie, Nathan, Sue, Doug, Faye, Owen, Matthew, Audrey, Susan, Peter, Gail, Bob",
        # families of words that differ in one phone; see FAMILIES
        "b-t": "bat, bet, bit, beat, boot, boat, bite, bought, but, bait, bout",
        "p-t": "pat, pet, pit, pot, put, peat, pout, part, port, pate",
        "k-t": "cat, cot, cut, kit, coat, caught, kite, court, cart, coot",
        "s-t": "sat, set, sit, seat, suit, sought, sight, sort",
        "h-t": "hat, hit, hot, heat, hut, height, hate, hoot, hurt, heart",
        "l-k": "lock, look, luck, lake, like, leak, lack, lick",
        "r-d": "rid, red, road, rude, raid, ride, rod, reed",
        "t-p": "tip, tap, top, type, tape, soup",
        "-at": "bat, cat, fat, hat, mat, pat, rat, sat, that, vat, chat",
        "-in": "bin, chin, fin, gin, kin, pin, sin, shin, thin, tin, win",
        "-ine": "fine, line, mine, nine, pine, shine, sign, vine, wine, dine",
        "-eer": "beer, cheer, dear, fear, gear, hear, near, year, sheer, peer",
        "-ip": "chip, dip, hip, lip, rip, ship, sip, tip, whip, zip",
        "ba-": "back, bad, bag, ban, bang, bash, bass, batch, bath, badge, bat",
    },
    "de": {
        "pattern": "{who} {did} {what} {where}. | {when} {did} {who} {what}. | {did} {who} {what} {where}?",
        "who": "der Bäcker, die Lehrerin, der junge König, meine Schwester, unser Nachbar, das Mädchen, der Arzt, ein Vogel, "
        "die alte Frau, der Jäger, mein Onkel, die Köchin, der Schüler, das Kind, die Gräfin, Jürgen, Anja, Joachim",
        "did": "sucht, kauft, findet, zeichnet, zeigt, bringt, putzt, wäscht, sieht, öffnet, verkauft, braucht, hört, vergisst, "
        "schätzt, trägt, bewacht, holt",
        "what": "den Schlüssel, ein schönes Buch, die Brücke, das Pferd, zwei Äpfel, den Kuchen, frisches Brot, eine Geige, "
        "die Zeitung, das blaue Tuch, den Löffel, ein Geschenk, die Münze, das Feuer, den Koffer, keine Pilze",
        "where": "im Garten, auf dem Markt, hinter dem Haus, vor der Kirche, an der Küste, über dem Dach, neben dem Bach, "
        "in der Küche, unter dem Tisch, zwischen den Bäumen, bei der Post",
        "when": "heute, gestern Abend, jeden Morgen, um zwölf Uhr, nach dem Essen, im Frühling, am Donnerstag, manchmal, "
        "vor langer Zeit, bald",
    },
    "fr": {
        "pattern": "{who} {did} {what} {where}. | {when}, {who} {did} {what}. | Est-ce que {who} {did} {what}?",
        "who": "le boulanger, la jeune fille, mon voisin, notre cousin, le roi, la reine, un chien noir, le médecin, ma sœur, "
        "le vieux pêcheur, la chanteuse, un garçon, le juge, mon oncle, Hélène, Julien, Agnès, Benoît",
        "did": "cherche, achète, trouve, dessine, montre, apporte, lave, voit, ouvre, vend, regarde, entend, oublie, prend, "
        "choisit, garde, mange, cache",
        "what": "la clé, un beau livre, le pont, un cheval blanc, deux pommes, le gâteau, du pain frais, la montagne, "
        "le journal, une feuille, un cadeau, la lune, le feu, une valise, des champignons, le bijou, un œuf, la vigne",
        "where": "dans le jardin, au marché, derrière la maison, devant l'église, au bord de la mer, sur le toit, "
        "près du puits, sous la table, entre les arbres, dans la cuisine, à la campagne",
        "when": "aujourd'hui, hier soir, chaque matin, à huit heures, après le repas, en juin, jeudi, quelquefois, bientôt",
    },
    "es": {
        "pattern": "{who} {did} {what} {where}. | {when} {who} {did} {what}. | ¿{did} {what} {who} {where}?",
        "who": "el panadero, la niña, mi vecino, nuestro primo, el rey, la reina, un perro negro, el médico, mi hermana, "
        "el viejo pescador, la cantante, un muchacho, el juez, mi abuelo, Jorge, Cecilia, Íñigo, Guillermo",
        "did": "busca, compra, encuentra, dibuja, muestra, trae, lava, mira, abre, vende, escucha, olvida, coge, elige, "
        "guarda, esconde, lleva, quiere",
        "what": "la llave, un libro viejo, el puente, un caballo blanco, dos manzanas, el queso, pan fresco, la montaña, "
        "el periódico, una hoja, un regalo, la luna, el fuego, una maleta, los zapatos, la guitarra, un huevo, el jarro",
        "where": "en el jardín, en el mercado, detrás de la casa, delante de la iglesia, junto al mar, sobre el tejado, "
        "cerca del pozo, debajo de la mesa, entre los árboles, en la cocina, por el camino",
        "when": "hoy, ayer por la tarde, cada mañana, a las ocho, después de comer, en junio, el jueves, a veces, ahora",
    },
    "it": {
        "pattern": "{who} {did} {what} {where}. | {when} {who} {did} {what}. | {who} {did} {what}?",
        "who": "il fornaio, la ragazza, il mio vicino, nostro cugino, il re, la regina, un cane nero, il medico, mia sorella, "
        "il vecchio pescatore, la cantante, lo studente, il giudice, mio zio, Giulia, Guglielmo, Chiara, Sergio",
        "did": "cerca, compra, trova, disegna, mostra, porta, lava, guarda, apre, vende, ascolta, dimentica, prende, sceglie, "
        "nasconde, vuole, mangia, lascia",
        "what": "la chiave, un bel libro, il ponte, un cavallo bianco, due mele, il formaggio, il pane fresco, la montagna, "
        "il giornale, una foglia, un regalo, la luna, il fuoco, la valigia, le scarpe, il pesce, gli gnocchi, l'uovo",
        "where": "nel giardino, al mercato, dietro la casa, davanti alla chiesa, in riva al mare, sul tetto, vicino al pozzo, "
        "sotto il tavolo, fra gli alberi, in cucina, lungo la strada",
        "when": "oggi, ieri sera, ogni mattina, alle otto, dopo pranzo, in giugno, giovedì, qualche volta, adesso",
    },
    "pt-br": {
        "pattern": "{who} {did} {what} {where}. | {when} {who} {did} {what}. | {who} {did} {what}?",
        "who": "o padeiro, a menina, meu vizinho, nosso primo, o rei, a rainha, um cachorro preto, o médico, minha irmã, "
        "o velho pescador, a cantora, um rapaz, o juiz, meu avô, João, Conceição, Thiago, Letícia",
        "did": "procura, compra, encontra, desenha, mostra, traz, lava, olha, abre, vende, escuta, esquece, pega, escolhe, "
        "guarda, esconde, leva, quer",
        "what": "a chave, um livro velho, a ponte, um cavalo branco, duas maçãs, o queijo, o pão fresco, a montanha, o jornal, "
        "uma folha, um presente, a lua, o fogo, uma mala, os sapatos, o violão, um ovo, a janela",
        "where": "no jardim, no mercado, atrás da casa, diante da igreja, perto do mar, em cima do telhado, junto ao poço, "
        "debaixo da mesa, entre as árvores, na cozinha, pelo caminho",
        "when": "hoje, ontem à noite, toda manhã, às oito horas, depois do almoço, em junho, na quinta, às vezes, agora",
    },
    "nl": {
        "pattern": "{who} {did} {what} {where}. | {when} {did} {who} {what}. | {did} {who} {what} {where}?",
        "who": "de bakker, het meisje, mijn buurman, onze neef, de koning, de lerares, een zwarte hond, de dokter, mijn zus, "
        "de oude visser, de zanger, een jongen, de rechter, mijn oom, Gijs, Sjoerd, Truus, Anneke",
        "did": "zoekt, koopt, vindt, tekent, toont, brengt, wast, ziet, opent, verkoopt, hoort, vergeet, pakt, kiest, draagt, "
        "verbergt, bewaakt, gebruikt",
        "what": "de sleutel, een mooi boek, de brug, het paard, twee appels, de taart, vers brood, een viool, de krant, "
        "het blauwe doek, een lepel, een cadeau, de munt, het vuur, de koffer, geen eieren, de schoenen, het huis",
        "where": "in de tuin, op de markt, achter het huis, voor de kerk, aan de kust, op het dak, naast de beek, "
        "in de keuken, onder de tafel, tussen de bomen, bij de sluis",
        "when": "vandaag, gisteravond, elke morgen, om twaalf uur, na het eten, in het voorjaar, op donderdag, soms, straks",
    },
    "sv": {
        "pattern": "{who} {did} {what} {where}. | {when} {did} {who} {what}. | {did} {who} {what} {where}?",
        "who": "bagaren, flickan, min granne, vår kusin, kungen, lärarinnan, en svart hund, läkaren, min syster, "
        "den gamle fiskaren, sångaren, en pojke, domaren, min farbror, Åke, Björn, Kerstin, Göran",
        "did": "söker, köper, hittar, ritar, visar, bär, tvättar, ser, öppnar, säljer, hör, glömmer, tar, väljer, gömmer, "
        "vaktar, använder, tycker om",
        "what": "nyckeln, en vacker bok, bron, hästen, två äpplen, kakan, färskt bröd, en fiol, tidningen, den blå duken, "
        "en sked, en gåva, myntet, elden, resväskan, stjärnan, skjortan, huset",
        "where": "i trädgården, på torget, bakom huset, framför kyrkan, vid kusten, på taket, bredvid bäcken, i köket, "
        "under bordet, mellan träden, på sjön",
        "when": "idag, igår kväll, varje morgon, klockan tolv, efter maten, på våren, på torsdag, ibland, snart",
    },
    "pl": {
        "pattern": "{who} {did} {what} {where}. | {when} {who} {did} {what}. | Czy {who} {did} {what}?",
        "who": "piekarz, dziewczyna, mój sąsiad, nasz kuzyn, król, nauczycielka, czarny pies, lekarz, moja siostra, "
        "stary rybak, śpiewak, chłopiec, sędzia, mój wujek, Grzegorz, Małgosia, Wojtek, Zuzanna",
        "did": "kupuje, znajduje, rysuje, pokazuje, przynosi, myje, widzi, otwiera, sprzedaje, słyszy, bierze, wybiera, "
        "chowa, niesie, lubi, czyści, dostaje, trzyma",
        "what": "stary klucz, piękną książkę, długi most, białego konia, dwa jabłka, świeży chleb, skrzypce, gazetę, "
        "niebieski szal, łyżkę, żółty prezent, monetę, ogień, walizkę, grzyby, buty, jajko, ciasto",
        "where": "w ogrodzie, na rynku, za domem, przed kościołem, nad morzem, na dachu, obok rzeki, w kuchni, pod stołem, "
        "między drzewami, przy drodze",
        "when": "dzisiaj, wczoraj wieczorem, każdego ranka, o dwunastej, po obiedzie, wiosną, w czwartek, czasami, wkrótce",
    },
    "fi": {
        "pattern": "{who} {did} {what} {where}. | {when} {who} {did} {what}.",
        "who": "leipuri, tyttö, naapurini, serkkumme, kuningas, opettaja, musta koira, lääkäri, sisareni, vanha kalastaja, "
        "laulaja, poika, tuomari, setäni, Jyrki, Päivi, Väinö, Aino",
        "did": "etsii, ostaa, löytää, piirtää, näyttää, tuo, pesee, näkee, avaa, myy, kuulee, unohtaa, ottaa, valitsee, "
        "kantaa, piilottaa, vartioi, käyttää",
        "what": "avaimen, kauniin kirjan, sillan, hevosen, kaksi omenaa, kakun, tuoreen leivän, viulun, sanomalehden, "
        "sinisen liinan, lusikan, lahjan, kolikon, tulen, laukun, munan, kengät, talon",
        "where": "puutarhassa, torilla, talon takana, kirkon edessä, rannalla, katolla, joen vieressä, keittiössä, "
        "pöydän alla, puiden välissä, tien varrella",
        "when": "tänään, eilen illalla, joka aamu, kello kaksitoista, ruoan jälkeen, keväällä, torstaina, joskus, pian",
    },
}
FAMILIES = {"en-us": ("I said {f} and {f}, not {f}.", "The {f} one, the {f} one or the {f} one?")}
FAMILY_SHARE = 0.4  # of the sentences of a language that has families
SLOT = re.compile(r"\{([\w-]+)\}")
GIVE_UP = 50  # draws a wanted sentence before a grammar counts as used up


def languages() -> list[str]:
    """Languages that have a grammar here; any language of eSpeak NG can be spoken from a text file."""
    return sorted(GRAMMARS)


def sentences(language: str, count: int, *, seed: int) -> list[str]:
    """``count`` different sentences of a language; a pure function of the arguments, longer lists begin alike.

    Raises:
        SonantError: there is no grammar of the language, or it has fewer sentences.
    """
    if language not in GRAMMARS:
        raise unknown("language without a text file", language, GRAMMARS)
    rng = numpy_generator(seed, "sentences", language)
    slots = {name: [word.strip() for word in words.split(",")] for name, words in GRAMMARS[language].items()}
    patterns = [pattern.strip() for pattern in GRAMMARS[language]["pattern"].split("|")]
    families = [name for name in slots if "-" in name]
    found: dict[str, None] = {}
    for _ in range(GIVE_UP * count):
        if len(found) == count:
            break
        pattern = patterns[rng.integers(len(patterns))]
        if families and rng.random() < FAMILY_SHARE:
            of_one = FAMILIES[language][rng.integers(len(FAMILIES[language]))]
            pattern = of_one.replace("{f}", "{" + families[rng.integers(len(families))] + "}")
        found[_fill(pattern, slots, lambda words: words[rng.integers(len(words))])] = None
    require(len(found) == count, f"the grammar of '{language}' has no {count} different sentences; give a text file")
    return list(found)


def _fill(pattern: str, slots: dict[str, list[str]], choose: Callable[[list[str]], str]) -> str:
    """A pattern with a word in every slot, none twice, and a capital at the start."""
    used: set[str] = set()

    def word(match: re.Match) -> str:
        chosen = choose([w for w in slots[match[1]] if w not in used])
        used.add(chosen)
        return chosen

    sentence = SLOT.sub(word, pattern)
    first = next(i for i, letter in enumerate(sentence) if letter.isalpha())
    return sentence[:first] + sentence[first].upper() + sentence[first + 1 :]


def read_sentences(path: Path, *, least: int, most: int) -> list[str]:
    """Up to ``most`` different lines of a UTF-8 text file, a sentence each; lines without letters are left out.

    Raises:
        SonantError: the file cannot be read or has fewer than ``least``.
    """
    try:
        lines = dict.fromkeys(line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise SonantError(f"cannot read the sentences of {path} (one a line, UTF-8): {error}") from None
    found = [line for line in lines if any(letter.isalpha() for letter in line)]
    require(
        len(found) >= least,
        f"{path} has {len(found)} different sentences and {least} are needed; "
        "give a longer text or fewer test sentences",
    )
    return found[:most]
