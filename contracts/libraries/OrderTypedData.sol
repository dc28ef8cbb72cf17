// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {CurveSteps} from "../types/Auction.sol";
import {ProductId} from "../types/Market.sol";
import {SignedOrder} from "../types/SignedOrder.sol";
import {Products} from "./Products.sol";

/// @notice EIP-712 data of an auction order, as a wallet shows it: energy over the whole product and
/// prices per kWh instead of lots and ticks.
///
/// ```
/// AuctionOrder(uint16 zone,uint8 period,uint32 startSlot,uint40 signedAt,AuctionStep[] steps)
/// AuctionStep(bool sell,uint256 energyWh,uint256 pricePerKWh)
/// ```
/// @dev The session is not part of the message: only auctions take signed orders.
library OrderTypedData {
    using Products for ProductId;

    string internal constant NAME = "energy-grid EnergyTrading";
    string internal constant VERSION = "1";

    bytes32 internal constant STEP_TYPEHASH =
        keccak256("AuctionStep(bool sell,uint256 energyWh,uint256 pricePerKWh)");
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "AuctionOrder(uint16 zone,uint8 period,uint32 startSlot,uint40 signedAt,AuctionStep[] steps)"
        "AuctionStep(bool sell,uint256 energyWh,uint256 pricePerKWh)"
    );
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );

    /// @dev Half the order of secp256k1, rounded down.
    uint256 private constant HALF_CURVE_ORDER =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice Domain of the contract that runs this, on the chain as it is now: after a fork of the chain the
    /// signatures of one side are void on the other.
    function domainSeparator() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256(bytes(NAME)),
                keccak256(bytes(VERSION)),
                block.chainid,
                address(this)
            )
        );
    }

    /// @notice What the account signs.
    /// @param domain `domainSeparator()`
    /// @param lotWh energy of a lot in each slot
    /// @param tickSize settlement-token base units per kWh of one tick
    /// @dev Encoded by hand in memory that the next order uses again; the compiler's encoder would take new memory for
    /// each struct. Steps and product may be anything, so that an order with a mistake still leads to its signer.
    function digest(bytes32 domain, SignedOrder order, uint256 lotWh, uint256 tickSize)
        internal
        pure
        returns (bytes32 result)
    {
        ProductId product = order.product();
        uint256 energyOfLot = product.lengthSlots() * lotWh;
        uint256 id = ProductId.unwrap(product);
        uint256 signedAt = order.signedAt();
        uint256 steps = CurveSteps.unwrap(order.steps());
        uint256 hashesBytes = order.count() * 32;
        bytes32 orderTypeHash = ORDER_TYPEHASH;
        bytes32 stepTypeHash = STEP_TYPEHASH;
        // Memory behind the free pointer, not kept. Nothing overflows: a lot is below 2^64 Wh and a tick below 2^64
        // base units, products are at most 672 slots long, a step has 39 bits.
        assembly ("memory-safe") {
            let at := mload(0x40)
            // The steps' hashes are collected here, each step stands behind them while it is hashed.
            let step := add(at, 0x80)
            mstore(step, stepTypeHash)
            for { let end := add(at, hashesBytes) } lt(at, end) { at := add(at, 0x20) } {
                // side 1 | limitTick 10 | lots 28
                mstore(add(step, 0x20), and(shr(38, steps), 1))
                mstore(add(step, 0x40), mul(and(steps, 0xfffffff), energyOfLot))
                mstore(add(step, 0x60), mul(and(shr(28, steps), 0x3ff), tickSize))
                mstore(at, keccak256(step, 0x80))
                steps := shr(39, steps)
            }
            at := mload(0x40)
            let stepsHash := keccak256(at, hashesBytes)
            // zone 16 | period 4 | session 4 | startSlot 32
            mstore(at, orderTypeHash)
            mstore(add(at, 0x20), shr(40, id))
            mstore(add(at, 0x40), and(shr(36, id), 0xf))
            mstore(add(at, 0x60), and(id, 0xffffffff))
            mstore(add(at, 0x80), signedAt)
            mstore(add(at, 0xa0), stepsHash)
            // keccak256("\x19\x01" | domain | struct hash)
            mstore(add(at, 0x22), keccak256(at, 0xc0))
            mstore(add(at, 0x02), domain)
            mstore8(at, 0x19)
            mstore8(add(at, 0x01), 0x01)
            result := keccak256(at, 0x42)
        }
    }

    /// @notice Account whose key made the signature; zero if no key did, or if `s` lies in the upper half of the curve
    /// order (then there would be a second signature of the same message).
    /// @param r first half of the signature
    /// @param vs second half in the compact form of EIP-2098: `yParity 1 | s 255`
    function signer(bytes32 digest_, bytes32 r, bytes32 vs) internal pure returns (address) {
        uint256 s = uint256(vs) & ((1 << 255) - 1);
        if (s > HALF_CURVE_ORDER) return address(0);
        // One bit above 27 fits; the precompile answers zero for what is no signature.
        return ecrecover(digest_, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s));
    }
}
