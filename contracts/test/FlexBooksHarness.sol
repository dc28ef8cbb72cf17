// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {BookEntry, FLEX_BOOK_WORDS, FlexBooks} from "../libraries/FlexBooks.sol";

/// @notice A book of offers, open to tests.
contract FlexBooksHarness {
    using FlexBooks for uint256[FLEX_BOOK_WORDS];

    uint256[FLEX_BOOK_WORDS] private _book;

    function roundTrip(BookEntry calldata entry) external pure returns (BookEntry memory, uint256) {
        uint256 half = FlexBooks.pack(entry);
        return (FlexBooks.unpack(half), half);
    }

    function store(uint256 place, BookEntry calldata entry) external {
        _book.store(place, FlexBooks.pack(entry));
    }

    function load(uint256 place) external view returns (BookEntry memory) {
        return _book.load(place);
    }
}
