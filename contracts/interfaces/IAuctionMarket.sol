// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAuctionBook} from "./IAuctionBook.sol";
import {IAuctionClearing} from "./IAuctionClearing.sol";
import {IAuctionEntry} from "./IAuctionEntry.sol";

/// @title Call auctions
/// @notice Curves come and go, are seen, cleared and claimed.
interface IAuctionMarket is IAuctionEntry, IAuctionBook, IAuctionClearing {}
