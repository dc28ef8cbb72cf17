// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SettlementAddresses, SettlementParameters} from "../types/Settlement.sol";
import {AccountRecovery} from "./AccountRecovery.sol";
import {Joining} from "./Joining.sol";
import {SettlementStorage} from "./SettlementStorage.sol";

/// @notice The part of `Settlement` by which accounts leave.
/// @dev `Settlement` runs its functions by `delegatecall`, on its own storage and under its own address, like those of
/// `SettlementDelivery`. It is deployed before `Settlement` (whose creation code would exceed the 49,152 bytes of EIP-3860
/// with it), which takes it only if `CONFIGURATION` is its own. Called directly, it works on its own, empty storage.
contract SettlementExits is AccountRecovery, Joining {
    /// @notice What the contract was deployed with, hashed.
    bytes32 public immutable CONFIGURATION;

    /// @dev Same values as those of `Settlement`.
    constructor(
        address authority,
        address settlementToken_,
        address energyToken_,
        address meter_,
        address market_,
        address treasury_,
        SettlementParameters memory parameters,
        address predecessor
    )
        SettlementStorage(
            SettlementAddresses({
                authority: authority,
                settlementToken: settlementToken_,
                energyToken: energyToken_,
                meter: meter_,
                market: market_,
                treasury: treasury_,
                predecessor: predecessor
            }),
            parameters
        )
    {
        CONFIGURATION = _configurationOf(
            SettlementAddresses({
                authority: authority,
                settlementToken: settlementToken_,
                energyToken: energyToken_,
                meter: meter_,
                market: market_,
                treasury: treasury_,
                predecessor: predecessor
            }),
            parameters
        );
    }
}
