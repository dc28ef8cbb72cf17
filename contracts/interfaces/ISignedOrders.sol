// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Curve} from "../types/Auction.sol";

/// @title Curves by signature
/// @notice Anyone may relay signed curves into the book until the gate, and pays the gas. EIP-712, domain name
/// `energy-grid EnergyTrading`, version `1`, chain id and address of the market:
///
/// ```
/// AuctionOrder(uint16 zone,uint8 period,uint32 startSlot,uint40 signedAt,AuctionStep[] steps)
/// AuctionStep(bool sell,uint256 energyWh,uint256 pricePerKWh)
/// ```
/// `energyWh` counts over the whole product, so a wallet shows what its owner agrees to. No steps: cancel.
///
/// The newest signature wins. A signature is good if it was not made in the future, is newer than the account's
/// current curve in the product, and newer than the account's last `voidSignedOrders`. Placing or cancelling on chain
/// counts as signed at the time of the block. So a signature works once, cannot undo a later decision, and
/// an on-chain order is always possible: no relayer can keep an account out of the book.
///
/// The account's own key signs. A delegate's signature is its own, for an account of its own; contract accounts, which
/// cannot sign, order on chain.
interface ISignedOrders {
    /// @notice Why a signed order was left out. If several apply, the one that is checked first (specification,
    /// section 4).
    /// - SIGNATURE: malformed, or `s` in the upper half of the curve order
    /// - UNKNOWN_SIGNER: not enrolled (also what an altered order or a wrong chain or market looks like)
    /// - FROM_THE_FUTURE: signed later than now
    /// - SUPERSEDED: the account has a curve that is as new, or newer
    /// - VOIDED: signed before the account voided what it had signed
    /// - PRODUCT: not an auction product, not open yet, or past its gate
    /// - HALTED: the guardian halted placing (an order without steps is not halted)
    /// - ZONE: not the account's home zone, or a zone without terms
    /// - STEPS: not canonical, or a price or quantity out of its range
    /// - COLLAR: a price outside the collar
    /// - ADDITIONS: the gate is extended and the order takes something away
    /// - LEVEL_FULL: a price level cannot hold more
    /// - CAPACITY: sells more than the rated feed-in power can deliver, over both sessions
    /// - UNSETTLED: an unsettled curve of an earlier turn stands in the place, or settlement of the account is past the
    /// start of the product
    /// - ACCOUNT: arrears, no security deposit, or a grid operator; only if more is to be locked
    /// - FUNDS: free balance too small, after the orders of the batch before this one
    enum SkipReason {
        SIGNATURE,
        UNKNOWN_SIGNER,
        FROM_THE_FUTURE,
        SUPERSEDED,
        VOIDED,
        PRODUCT,
        HALTED,
        ZONE,
        STEPS,
        COLLAR,
        ADDITIONS,
        LEVEL_FULL,
        CAPACITY,
        UNSETTLED,
        ACCOUNT,
        FUNDS
    }

    /// @notice Signed orders are their accounts' curves from now on: what `CurvePlaced` says of orders on chain, for a
    /// whole batch.
    /// @param orders packed, 35 bytes each, in the order of the batch: `accountId 3 | signedAt 5 | curve 27`
    event SignedOrdersPlaced(bytes orders);

    /// @notice An item of a batch was left out; nothing of it has changed anything.
    /// @param index number of the item, from 0
    /// @param signer recovered address; zero if the signature is malformed
    event SignedOrderSkipped(uint256 indexed index, address indexed signer, SkipReason reason);

    /// @notice The bytes do not divide into items: too few for the last one, more than four steps, or a step above its
    /// 39 bits.
    /// @param offset where the item in question begins
    /// @param length of all bytes
    error BatchMalformed(uint256 offset, uint256 length);
    /// @notice The orders of this account do not stand together, and in total it cannot pay for them.
    error SignerSplit(address signer);

    /// @notice Place signed curves. What cannot be placed is skipped and reported, so that nobody can spoil a
    /// relayer's batch.
    /// @param orders items one after another: `r 32 | vs 32 (EIP-2098) | signedAt 5 | productId 7 | stepCount 1 |
    /// steps 5 bytes each` (a step as in `CurveSteps`). The orders of one account must stand together: its balance is
    /// looked up where they begin, so that a second group could count the same money again (`SignerSplit`)
    /// @return placed number of curves placed
    function placeSigned(bytes calldata orders) external returns (uint256 placed);

    /// @notice EIP-712 digest of an order, for wallets that want to compare. Says nothing about whether the curve would
    /// be accepted.
    /// @param curve product of the auction session, and steps; without steps it cancels
    /// @param signedAt unix second of the signature
    function signedOrderDigest(Curve curve, uint40 signedAt) external view returns (bytes32);

    /// @notice Unix second up to which everything the account signed is void; 0 if it never voided anything.
    function voidedAt(address account) external view returns (uint256);

    /// @notice EIP-5267: what the EIP-712 domain consists of.
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        );
}
