// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SettlementAddresses, SettlementParameters} from "../types/Settlement.sol";
import {AccountExits} from "./AccountExits.sol";
import {AccountRecovery} from "./AccountRecovery.sol";
import {Joining} from "./Joining.sol";
import {SettlementRoom} from "./SettlementRoom.sol";

/// @notice The room of `Settlement` by which accounts leave. See `SettlementRoom`.
contract SettlementExits is SettlementRoom, AccountExits, AccountRecovery, Joining {
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
        SettlementRoom(
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
    {}
}
