// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {PriceSources} from "../types/Pricing.sol";
import {PriceQuoting} from "./PriceQuoting.sol";
import {PriceRules} from "./PriceRules.sol";
import {PriceStorage} from "./PriceStorage.sol";

/// @title The half of `PriceOracle` that changes reference prices
/// @notice `PriceRules` (formulas, tables, freezes) and `PriceQuoting` (quotes, base). See `IPriceOracle`.
/// @dev Run by `delegatecall` on the oracle's storage; called directly it works on its own, empty one, and no market
/// takes its price.
contract PricingRoom is PriceRules, PriceQuoting {
    constructor(address authority, PriceSources memory sources)
        AccessManaged(authority)
        PriceStorage(sources)
    {}
}
