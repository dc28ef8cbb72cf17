// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice One participant's money and standing, packed in one storage word of `Settlement`.
///
/// ```
/// bit 255        176        96              68          52       44              20              0
///  +---------------+---------+--------------+-----------+--------+---------------+---------------+
///  | free 80       | locked 80 | settledUntil 28 | zone 16 | flags 8 | accountId 24 | capacity 20 |
///  +---------------+---------+--------------+-----------+--------+---------------+---------------+
/// ```
/// - `free`, `locked`: settlement-token base units. `Settlement` refuses deposits that would bring
///   the sum of all ledgers above 2^80 - 1, so no field can overflow whatever is settled.
/// - `settledUntil`: first slot (index `unixTime / 900`) that is not yet settled for the account.
/// - `zone`: home zone; 0 means the address is not enrolled.
/// - `flags`: see the `FLAG_` constants.
/// - `accountId`: short id, 1-based, never reused.
/// - `capacity`: rated feed-in power in units of 100 W, rounded down.
type AccountWord is uint256;

using AccountWordLib for AccountWord global;

/// @notice Named, masked access to the fields of an `AccountWord`.
library AccountWordLib {
    /// @dev The account owns a connection meter: every slot of it is settled against readings.
    uint256 internal constant FLAG_METERED = 1;
    /// @dev The security deposit required of metered members is posted in full.
    uint256 internal constant FLAG_SECURED = 2;
    /// @dev The account owes something it could not pay: no new orders, no withdrawals.
    uint256 internal constant FLAG_ARREARS = 4;
    /// @dev The account is a zone's grid operator: it settles others' imbalance and cannot trade.
    uint256 internal constant FLAG_OPERATOR = 8;
    /// @dev The account owns or once owned a connection meter; never taken back.
    uint256 internal constant FLAG_WAS_METERED = 16;

    /// @dev The market is wound down and the account has left it: no locks, nothing more to settle.
    uint256 internal constant FLAG_CLOSED = 32;

    uint256 internal constant CAPACITY_UNIT_W = 100;

    uint256 private constant MASK_20 = (1 << 20) - 1;
    uint256 private constant MASK_24 = (1 << 24) - 1;
    uint256 private constant MASK_28 = (1 << 28) - 1;
    uint256 private constant MASK_80 = (1 << 80) - 1;

    function capacityW(AccountWord word) internal pure returns (uint256) {
        return (AccountWord.unwrap(word) & MASK_20) * CAPACITY_UNIT_W;
    }

    function accountId(AccountWord word) internal pure returns (uint24) {
        return uint24(AccountWord.unwrap(word) >> 20);
    }

    function flags(AccountWord word) internal pure returns (uint8) {
        return uint8(AccountWord.unwrap(word) >> 44);
    }

    function zone(AccountWord word) internal pure returns (uint16) {
        return uint16(AccountWord.unwrap(word) >> 52);
    }

    function settledUntil(AccountWord word) internal pure returns (uint32) {
        return uint32((AccountWord.unwrap(word) >> 68) & MASK_28);
    }

    function locked(AccountWord word) internal pure returns (uint256) {
        return (AccountWord.unwrap(word) >> 96) & MASK_80;
    }

    function free(AccountWord word) internal pure returns (uint256) {
        return AccountWord.unwrap(word) >> 176;
    }

    function has(AccountWord word, uint256 flag) internal pure returns (bool) {
        return (AccountWord.unwrap(word) >> 44) & flag != 0;
    }

    /// @dev Warning: callers keep each amount within 80 bits (see the type's note on deposits).
    function withBalances(AccountWord word, uint256 free_, uint256 locked_)
        internal
        pure
        returns (AccountWord)
    {
        assert(free_ <= MASK_80 && locked_ <= MASK_80);
        return AccountWord.wrap(
            (free_ << 176) | (locked_ << 96) | (AccountWord.unwrap(word) & ((1 << 96) - 1))
        );
    }

    function withSettledUntil(AccountWord word, uint256 slot) internal pure returns (AccountWord) {
        assert(slot <= MASK_28);
        return AccountWord.wrap((AccountWord.unwrap(word) & ~(MASK_28 << 68)) | (slot << 68));
    }

    function withFlag(AccountWord word, uint256 flag, bool on) internal pure returns (AccountWord) {
        uint256 raw = AccountWord.unwrap(word) & ~(flag << 44);
        return AccountWord.wrap(on ? raw | (flag << 44) : raw);
    }

    function withZone(AccountWord word, uint16 zone_) internal pure returns (AccountWord) {
        return AccountWord.wrap(
            (AccountWord.unwrap(word) & ~(uint256(0xffff) << 52)) | (uint256(zone_) << 52)
        );
    }

    function withAccountId(AccountWord word, uint24 id) internal pure returns (AccountWord) {
        return AccountWord.wrap(
            (AccountWord.unwrap(word) & ~(MASK_24 << 20)) | (uint256(id) << 20)
        );
    }

    /// @dev Rounds down to 100 W, against the seller; powers above 104.8 MW are capped.
    function withCapacityW(AccountWord word, uint256 capacityW_)
        internal
        pure
        returns (AccountWord)
    {
        uint256 units = capacityW_ / CAPACITY_UNIT_W;
        if (units > MASK_20) units = MASK_20;
        return AccountWord.wrap((AccountWord.unwrap(word) & ~MASK_20) | units);
    }
}
