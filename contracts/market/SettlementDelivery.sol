// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SettlementAddresses, SettlementParameters} from "../types/Settlement.sol";
import {DeliverySettlement} from "./DeliverySettlement.sol";
import {SettlementStorage} from "./SettlementStorage.sol";
import {ZoneTariffs} from "./ZoneTariffs.sol";

/// @notice The part of `Settlement` that settles deliveries, shares certificates and takes tariffs.
/// @dev One contract would exceed the 24,576 bytes of EIP-170, so `Settlement` creates this one in its constructor
/// and runs its functions by `delegatecall`, on its own storage and under its own address. The address is immutable:
/// nothing can be exchanged later. Called directly, it works on its own, empty storage: there is no account, no money
/// and no certificate it could touch.
contract SettlementDelivery is ZoneTariffs, DeliverySettlement {
    constructor(SettlementAddresses memory addresses, SettlementParameters memory parameters)
        SettlementStorage(addresses, parameters)
    {}
}
