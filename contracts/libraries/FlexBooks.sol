// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @dev Offers a book holds, and words they take.
uint256 constant FLEX_BOOK_PLACES = 500;
uint256 constant FLEX_BOOK_WORDS = 250;

/// @notice An offer as the book holds it, in half a word; 0: no offer.
/// @param pricePerKWh units per kWh, 40 bits
/// @param powerW W, 26 bits
/// @param fromSlot first slot of the window, 26 bits
/// @param slots length of the window, 1 to 96, 7 bits
/// @param offerId from 1, 29 bits
struct BookEntry {
    uint256 pricePerKWh;
    uint256 powerW;
    uint256 fromSlot;
    uint256 slots;
    uint256 offerId;
}

/// @notice What one pass over a book found at a price, among offers whose window covers an event.
/// @param belowW power of cheaper offers, W
/// @param atW power of offers at the price, W
/// @param count offers at or below the price
/// @param dearer an offer above the price, up to the cap, exists
struct MeritPass {
    uint256 belowW;
    uint256 atW;
    uint256 count;
    bool dearer;
}

/// @notice Books of offers, two to a word: place `p` is half `p % 2` (0: low) of word `p / 2`.
///
/// ```
/// bit 127       88          62           36       29         0
///  +------------+-----------+------------+--------+----------+
///  | price 40   | power 26  | from 26    | slots 7| id 29    |
///  +------------+-----------+------------+--------+----------+
/// ```
library FlexBooks {
    uint256 internal constant MAX_POWER_W = (1 << 26) - 1;
    uint256 internal constant MAX_OFFER_ID = (1 << 29) - 1;

    uint256 private constant HALF = 128;
    uint256 private constant HALF_MASK = (1 << 128) - 1;
    uint256 private constant PRICE_AT = 88;
    uint256 private constant POWER_AT = 62;
    uint256 private constant FROM_AT = 36;
    uint256 private constant SLOTS_AT = 29;
    uint256 private constant MASK_26 = (1 << 26) - 1;
    uint256 private constant MASK_7 = (1 << 7) - 1;

    /// @dev Warning: the caller has checked that each field fits.
    function pack(BookEntry memory entry) internal pure returns (uint256) {
        return (entry.pricePerKWh << PRICE_AT) | (entry.powerW << POWER_AT) | (entry.fromSlot << FROM_AT)
            | (entry.slots << SLOTS_AT) | entry.offerId;
    }

    function unpack(uint256 half) internal pure returns (BookEntry memory) {
        return BookEntry({
            pricePerKWh: half >> PRICE_AT,
            powerW: (half >> POWER_AT) & MASK_26,
            fromSlot: (half >> FROM_AT) & MASK_26,
            slots: (half >> SLOTS_AT) & MASK_7,
            offerId: half & MAX_OFFER_ID
        });
    }

    function load(uint256[FLEX_BOOK_WORDS] storage book, uint256 place)
        internal
        view
        returns (BookEntry memory)
    {
        return unpack((book[place / 2] >> (place % 2 * HALF)) & HALF_MASK);
    }

    /// @param half packed entry, or 0
    function store(uint256[FLEX_BOOK_WORDS] storage book, uint256 place, uint256 half) internal {
        uint256 at = place % 2 * HALF;
        book[place / 2] = (book[place / 2] & ~(HALF_MASK << at)) | (half << at);
    }

    /// @notice One pass over the first `places` of a book.
    function run(
        uint256[FLEX_BOOK_WORDS] storage book,
        uint256 places,
        uint256 fromSlot,
        uint256 toSlot,
        uint256 price,
        uint256 cap
    ) internal view returns (MeritPass memory found) {
        // Unchecked: at most 500 offers of 26 bits each; slots have 26 bits.
        unchecked {
            for (uint256 i = 0; i * 2 < places; ++i) {
                uint256 word = book[i];
                for (uint256 rest = word; rest != 0; rest >>= HALF) {
                    uint256 first = (rest >> FROM_AT) & MASK_26;
                    // An empty half is at slot 0 with length 0 and covers nothing.
                    if (first > fromSlot) continue;
                    if (first + ((rest >> SLOTS_AT) & MASK_7) < toSlot) continue;
                    uint256 asked = (rest & HALF_MASK) >> PRICE_AT;
                    if (asked > price) {
                        if (asked <= cap) found.dearer = true;
                        continue;
                    }
                    uint256 powerW = (rest >> POWER_AT) & MASK_26;
                    if (asked == price) found.atW += powerW;
                    else found.belowW += powerW;
                    ++found.count;
                }
            }
        }
    }

    /// @notice A free place (empty, or its window is over), or else the dearest price in a book without one.
    /// @param places places in use
    /// @param slot current slot
    function scan(uint256[FLEX_BOOK_WORDS] storage book, uint256 places, uint256 slot)
        internal
        view
        returns (bool free, uint256 place, uint256 dearest)
    {
        for (uint256 i = 0; i < places; ++i) {
            BookEntry memory entry = load(book, i);
            if (isOver(entry, slot)) return (true, i, 0);
            if (entry.pricePerKWh >= dearest) (place, dearest) = (i, entry.pricePerKWh);
        }
    }

    /// @notice Whether the window is over in `slot`; true for an empty place.
    function isOver(BookEntry memory entry, uint256 slot) internal pure returns (bool) {
        return entry.fromSlot + entry.slots <= slot;
    }
}
