// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SlotPosition} from "../types/Market.sol";
import {SettlementBasis} from "../types/Settlement.sol";

/// @notice The figures of a run of settled slots as the event `SlotsSettled` carries them: three words a slot, four where
/// certificates were minted. Energies in Wh, money in settlement-token base units.
///
/// ```
/// bit 255            192           128            64             0
///  +------------------+-------------+--------------+-------------+
///  | boughtWh 64      | soldWh 64   | importWh 64  | exportWh 64 |
///  +------------------+-------------+--------------+-------------+
/// bit 255         176            96              16        8           0
///  +---------------+-------------+---------------+---------+-----------+
///  | cost 80       | proceeds 80 | networkFee 80 | basis 8 | minting 8 |
///  +---------------+-------------+---------------+---------+-----------+
/// bit 255         176            96                                    0
///  +---------------+-------------+-------------------------------------+
///  | unlocked 80   | tradingFee 80 | imbalance 96, two's complement    |
///  +---------------+-------------+-------------------------------------+
/// bit 255                        128                   0     only if `minting` is 1
///  +------------------------------+---------------------+
///  | mintedWh 128                 | givenWh 128         |
///  +------------------------------+---------------------+
/// ```
/// Money fits because the sum of all ledgers stays below 2^80; energies of one slot are far below 2^64 Wh.
library SettledFigures {
    uint256 private constant MAX_WORDS_A_SLOT = 4;
    uint256 private constant WORD_BYTES = 32;

    /// @notice Room for the figures of so many slots, none written yet.
    function create(uint256 slots) internal pure returns (bytes memory figures) {
        figures = new bytes(slots * MAX_WORDS_A_SLOT * WORD_BYTES);
        assembly ("memory-safe") {
            mstore(figures, 0)
        }
    }

    /// @notice Energies of a slot, packed. Fails (`Panic`) when one leaves its field.
    function packEnergies(uint256 boughtWh, uint256 soldWh, uint256 importWh, uint256 exportWh)
        internal
        pure
        returns (uint256 energies)
    {
        assert((boughtWh | soldWh | importWh | exportWh) >> 64 == 0);
        return (boughtWh << 192) | (soldWh << 128) | (importWh << 64) | exportWh;
    }

    /// @notice Write the next slot.
    /// @dev Warning: at most as many times as `create` made room for. Fails (`Panic`) when money leaves its field.
    /// @param energies as `packEnergies`
    /// @param imbalance > 0: owed by the account
    /// @param mintedWh certificates minted @param givenWh those that went to the slot's pool
    function append(
        bytes memory figures,
        uint256 energies,
        SlotPosition memory position,
        SettlementBasis basis,
        int256 imbalance,
        uint256 mintedWh,
        uint256 givenWh
    ) internal pure {
        uint256 minting = mintedWh == 0 ? 0 : 1;
        uint256 second = (_trades(position) << 16) | (uint256(basis) << 8) | minting;
        uint256 third = _rest(position, imbalance);
        assembly ("memory-safe") {
            let length := mload(figures)
            let at := add(add(figures, 32), length)
            mstore(at, energies)
            mstore(add(at, 32), second)
            mstore(add(at, 64), third)
            // Where nothing was minted the next slot writes over this.
            mstore(add(at, 96), or(shl(128, mintedWh), givenWh))
            mstore(figures, add(length, add(96, shl(5, minting))))
        }
    }

    function _trades(SlotPosition memory position) private pure returns (uint256) {
        uint256 cost = position.cost;
        uint256 proceeds = position.proceeds;
        uint256 networkFee = position.networkFee;
        assert((cost | proceeds | networkFee) >> 80 == 0);
        return (cost << 160) | (proceeds << 80) | networkFee;
    }

    function _rest(SlotPosition memory position, int256 imbalance) private pure returns (uint256) {
        uint256 unlocked = position.unlocked;
        uint256 tradingFee = position.tradingFee;
        assert((unlocked | tradingFee) >> 80 == 0 && int96(imbalance) == imbalance);
        return (unlocked << 176) | (tradingFee << 96) | uint96(int96(imbalance));
    }
}
