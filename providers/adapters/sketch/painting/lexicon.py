"""The words the painter knows. Singular, lower case; a plural `s` is taken off before looking up."""

from collections.abc import Mapping

FIGURE_WORDS: Mapping[str, str] = {
    word: figure
    for figure, words in {
        "fox": "fox foxes vixen",
        "cat": "cat kitten kitty tomcat",
        "deer": "deer stag elk moose reindeer fawn antelope doe",
        "wolf": "wolf wolves coyote husky",
        "bear": "bear grizzly",
        "rabbit": "rabbit bunny hare bunnies",
        "owl": "owl",
        "penguin": "penguin",
        "horse": "horse pony stallion mare unicorn mustang",
        "dog": "dog puppy puppies corgi retriever hound",
        "elephant": "elephant mammoth",
        "camel": "camel caravan dromedary",
        "walker": "hiker traveller traveler wanderer explorer person man woman monk pilgrim adventurer backpacker girl "
        "boy samurai knight wizard people",
        "astronaut": "astronaut cosmonaut spaceman",
        "whale": "whale orca dolphin",
        "turtle": "turtle tortoise",
        "boat": "boat sailboat sailing yacht sail regatta schooner",
        "ship": "ship steamer ferry vessel freighter trawler",
        "lighthouse": "lighthouse beacon",
        "cabin": "cabin house cottage hut home chalet farmhouse barn village",
        "tent": "tent camping camp campsite",
        "castle": "castle palace fortress kingdom fairytale",
        "windmill": "windmill mill",
        "balloon": "balloon",
        "rocket": "rocket spaceship spacecraft shuttle",
        "car": "car automobile roadtrip beetle",
        "bicycle": "bicycle bike cyclist cycling",
    }.items()
    for word in words.split()
}

# Words that name a place or a manner of painting, and how strongly they call for a style. A manner (5)
# outweighs an animal, an animal (4) a place. `abstract` stands for any of the styles without a motif.
STYLE_WORDS: Mapping[str, tuple[str, int]] = {
    word: (style, weight)
    for (style, weight), words in {
        (
            "range",
            3,
        ): "aurora mountain mountainous alp alpine peak range valley highland fjord canyon hill cliff volcano "
        "landscape himalaya matterhorn everest fuji glacier ridge lake tarn horizon vista",
        ("forest", 3): "forest wood woodland jungle pine birch fir grove rainforest trail woods",
        ("forest", 2): "tree foliage leave",
        ("shore", 1): "palm tropical",
        ("shore", 3): "sea ocean beach coast shore wave harbour harbor island bay surf tide coastal seaside port "
        "lagoon underwater cruise",
        ("dunes", 3): "desert dune sahara sand oasis arid pyramid cactus cacti",
        ("city", 3): "city skyline street cyberpunk skyscraper downtown urban tokyo manhattan metropolis building "
        "town traffic alley york london shanghai hongkong chicago dystopian",
        ("city", 2): "neon futuristic billboard architecture",
        ("bloom", 3): "flower blossom garden rose tulip lotus bouquet floral botanical bloom sakura petal orchid "
        "daisy poppy sunflower lavender magnolia peony wildflower meadow lily spring dahlia leaf plant butterfly",
        (
            "still",
            3,
        ): "coffee cup mug tea product bottle perfume cologne fragrance vase pottery ceramic packaging candle espresso "
        "latte cosmetic skincare cream jar lotion podium studio wine soda drink juice whisky beer ecommerce "
        "packshot mockup",
        ("cosmos", 3): "nebula galaxy cosmos universe cosmic planet saturn asteroid interstellar supernova comet "
        "astronaut orbit spaceship rocket jupiter mars",
        ("cosmos", 2): "space celestial alien",
        ("geometric", 5): "geometric bauhaus shape mosaic suprematist cubist cubism kandinsky constructivist",
        ("geometric", 2): "logo icon tile retro grid midcentury circle triangle square",
        ("papercut", 5): "papercut papercraft origami cutout topographic paper collage",
        ("silk", 4): "silk satin fabric velvet liquid smoke ink holographic iridescent",
        ("silk", 3): "fluid marble gradient",
        ("flow", 4): "flow generative stroke brushstroke swirl current",
        ("abstract", 5): "portrait selfie headshot",
        (
            "abstract",
            2,
        ): "abstract dream texture background wallpaper music dance energy motion rhythm wind emotion chaos "
        "harmony modern pattern",
        ("abstract", 1): "poster minimal minimalist art design",
    }.items()
    for word in words.split()
}

# Where a figure is at home when the words name no place.
FIGURE_HOMES: Mapping[str, str] = {
    "boat": "shore",
    "ship": "shore",
    "lighthouse": "shore",
    "whale": "shore",
    "camel": "dunes",
    "rocket": "cosmos",
    "astronaut": "cosmos",
    "balloon": "range",
    "tent": "range",
    "cabin": "range",
    "castle": "range",
    "walker": "range",
    "windmill": "fable",
    "turtle": "shore",
}

LIGHT_WORDS: Mapping[str, str] = {
    word: light
    for light, words in {
        "dawn": "dawn sunrise morning daybreak pastel spring",
        "day": "day noon midday sunny daylight summer afternoon bright tropical",
        "sunset": "sunset golden evening sundown autumn fall sunlit amber",
        "dusk": "dusk twilight gloaming magic dreamy mystical lavender",
        "night": "night midnight moon moonlight moonlit star starry dark nocturnal aurora neon lantern cyberpunk",
        "storm": "storm stormy thunder lightning tempest gloomy overcast grey gray hurricane moody noir",
    }.items()
    for word in words.split()
}

WEATHER_WORDS: Mapping[str, str] = {
    word: weather
    for weather, words in {
        "snow": "snow snowy winter snowfall blizzard frost frozen ice icy arctic christmas snowstorm snowing",
        "rain": "rain rainy raining drizzle wet downpour",
        "mist": "mist misty fog foggy haze hazy misted",
        "water": "lake reflection pond river water mirror calm tarn reflected",
        "aurora": "aurora northern borealis",
        "bird": "bird gull seagull swallow crane eagle raven crow flock goose geese",
        "birch": "birch trunk aspen",
        "crescent": "crescent",
        "wave": "wave surf storm stormy tempest hurricane rough kanagawa",
        "palm": "palm tropical beach oasis island hawaii",
        "meadow": "meadow wildflower garden field bouquet spring",
        "branch": "cherry sakura blossom magnolia branch plum almond",
        "cup": "coffee cup mug tea espresso latte cappuccino",
        "flacon": "perfume cologne fragrance",
        "bottle": "bottle wine soda juice whisky beer lotion shampoo olive",
        "jar": "jar cream cosmetic skincare candle balm honey",
        "vase": "vase pottery ceramic bouquet",
        "cactus": "cactus cacti saguaro mexico arizona",
        "pyramid": "pyramid egypt pharaoh",
    }.items()
    for word in words.split()
}

COLOUR_WORDS: Mapping[str, str] = {
    "red": "#d8362f", "crimson": "#b3122c", "scarlet": "#e0301e", "ruby": "#b0123b", "maroon": "#7a1f2b",
    "orange": "#ee7f22", "coral": "#f4765f", "peach": "#f6b48f", "terracotta": "#c4623f", "rust": "#a8482a",
    "copper": "#b86b3c", "yellow": "#f5c631", "gold": "#d9a22b", "golden": "#dba53a", "mustard": "#cf9b2a",
    "lemon": "#f3de4b", "green": "#3f9150", "emerald": "#138a5e", "olive": "#7d8238", "mint": "#93d4b5",
    "lime": "#a4cf35", "sage": "#97ab89", "teal": "#16807f", "turquoise": "#2fb9b3", "cyan": "#2bbbd8",
    "aqua": "#46c7cf", "blue": "#2e69c8", "navy": "#1b2d5c", "azure": "#3b91e0", "indigo": "#3d3b98",
    "cobalt": "#1f4bb0", "purple": "#7a3fa6", "violet": "#7f4cc9", "lavender": "#ab9ad6", "lilac": "#bda0d8",
    "magenta": "#d0308c", "pink": "#ee82a8", "fuchsia": "#d93499", "brown": "#7d5236", "beige": "#dcc8a5",
    "cream": "#f6ecd6", "white": "#f5f3ee", "black": "#1d1c22", "silver": "#b9bfc8", "bronze": "#a3713c",
    "burgundy": "#6d1a34", "ochre": "#c88a2d", "rose": "#e0738f",
}  # fmt: skip
