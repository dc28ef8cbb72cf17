// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SignedOrderRules} from "./SignedOrderRules.sol";
import {ISignedOrders} from "../interfaces/ISignedOrders.sol";
import {OrderTypedData} from "../libraries/OrderTypedData.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {Curve, StepSums} from "../types/Auction.sol";
import {SignedOrder, SignedOrderLib} from "../types/SignedOrder.sol";

/// @title Curves by signature, relayed in batches
/// @notice A batch asks the ledger twice, whatever its size: first how all accounts stand, in the end to move all
/// locks. Between the two nobody is called but the precompile that recovers signers, so what was read stays true.
abstract contract SignedOrders is SignedOrderRules {
    /// @notice A batch after its signatures.
    /// @param items the orders
    /// @param signers who signed each of them; zero if the signature is malformed
    /// @param accounts the signers without repetition, as long as their orders stand together
    struct Batch {
        SignedOrder[] items;
        address[] signers;
        address[] accounts;
    }

    /// @dev `accountId 3 | signedAt 5 | curve 27`: an entry of `SignedOrdersPlaced`.
    uint256 private constant ENTRY_BYTES = 35;

    /* RELAYING */

    /// @inheritdoc ISignedOrders
    function placeSigned(bytes calldata orders) external returns (uint256 placed) {
        // Check: the bytes divide into orders; who signed them, and how these accounts stand.
        Batch memory batch = _read(orders);
        AccountWord[] memory words = LEDGER.accountWords(batch.accounts);

        // Check and effect, order by order.
        int256[] memory lockDeltas;
        (placed, lockDeltas) = _placeAll(batch, words);

        // Interaction: the trusted ledger.
        if (placed != 0) _moveLocks(batch.accounts, lockDeltas);
    }

    /* VIEWS */

    /// @inheritdoc ISignedOrders
    function signedOrderDigest(Curve curve, uint40 signedAt) external view returns (bytes32) {
        return OrderTypedData.digest(
            OrderTypedData.domainSeparator(), SignedOrderLib.pack(curve, signedAt), LOT, TICK_SIZE
        );
    }

    /// @inheritdoc ISignedOrders
    function voidedAt(address account) external view returns (uint256) {
        return _voidedAt[account];
    }

    /// @inheritdoc ISignedOrders
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
        )
    {
        fields = hex"0f"; // name, version, chain id and contract
        name = OrderTypedData.NAME;
        version = OrderTypedData.VERSION;
        chainId = block.chainid;
        verifyingContract = address(this);
        return (fields, name, version, chainId, verifyingContract, salt, extensions);
    }

    /* INTERNAL */

    function _read(bytes calldata orders) private view returns (Batch memory batch) {
        uint256 most = orders.length / SignedOrderLib.HEAD_BYTES;
        SignedOrder[] memory items = new SignedOrder[](most);
        address[] memory signers = new address[](most);
        address[] memory accounts = new address[](most);
        bytes32 domain = OrderTypedData.domainSeparator();
        uint256 count;
        uint256 groups;
        address last;
        // Counters up to the number of items, each of at least `HEAD_BYTES`.
        unchecked {
            for (uint256 offset; offset < orders.length;) {
                (SignedOrder order, uint256 next) = SignedOrderLib.read(orders, offset);
                address signer = _signerOf(domain, order, orders, offset);
                items[count] = order;
                signers[count] = signer;
                ++count;
                if (signer != last && signer != address(0)) {
                    accounts[groups] = signer;
                    ++groups;
                    last = signer;
                }
                offset = next;
            }
        }
        assembly ("memory-safe") {
            // Shorten: what the arrays have reserved beyond stays unused.
            mstore(items, count)
            mstore(signers, count)
            mstore(accounts, groups)
        }
        return Batch(items, signers, accounts);
    }

    function _signerOf(
        bytes32 domain,
        SignedOrder order,
        bytes calldata orders,
        uint256 offset
    ) private view returns (address) {
        (bytes32 r, bytes32 vs) = SignedOrderLib.signature(orders, offset);
        return OrderTypedData.signer(OrderTypedData.digest(domain, order, LOT, TICK_SIZE), r, vs);
    }

    /// @return placed number of orders placed
    /// @return lockDeltas by how much they change the lock of each account
    function _placeAll(Batch memory batch, AccountWord[] memory words)
        private
        returns (uint256 placed, int256[] memory lockDeltas)
    {
        lockDeltas = new int256[](words.length);
        // One more than needed: each entry is written as whole words.
        bytes memory entries = new bytes((batch.items.length + 1) * ENTRY_BYTES);
        Frame memory frame;
        StepSums memory sums;
        Signer memory signer;
        address last;
        uint256 groups;
        // Counters up to the number of items.
        unchecked {
            for (uint256 i; i < batch.items.length; ++i) {
                address account = batch.signers[i];
                if (account == address(0)) {
                    emit SignedOrderSkipped(i, account, SkipReason.SIGNATURE);
                    continue;
                }
                if (account != last) {
                    signer.account = words[groups];
                    signer.voidedAt = _voidedAt[account];
                    signer.lockDelta = 0;
                    ++groups;
                    last = account;
                }
                SignedOrder order = batch.items[i];
                (bool accepted, SkipReason reason) = _tryPlace(frame, sums, signer, order);
                if (!accepted) {
                    emit SignedOrderSkipped(i, account, reason);
                    continue;
                }
                lockDeltas[groups - 1] = signer.lockDelta;
                _log(entries, placed, signer.account.accountId(), order);
                ++placed;
            }
        }
        if (placed == 0) return (placed, lockDeltas);
        uint256 length = placed * ENTRY_BYTES;
        assembly ("memory-safe") {
            mstore(entries, length) // without those that were skipped
        }
        emit SignedOrdersPlaced(entries);
    }

    /// @dev Write entry `index` of `SignedOrdersPlaced`.
    function _log(bytes memory entries, uint256 index, uint256 accountId, SignedOrder order)
        private
        pure
    {
        uint256 curve = Curve.unwrap(order.curve());
        unchecked {
            uint256 offset = 0x20 + index * ENTRY_BYTES;
            uint256 head = (accountId << 40) | order.signedAt();
            assembly ("memory-safe") {
                let at := add(entries, offset)
                mstore(at, shl(192, head))
                mstore(add(at, 8), shl(40, curve))
            }
        }
    }

    /// @dev The ledger refuses what the words did not promise only if an account's money was counted twice.
    function _moveLocks(address[] memory accounts, int256[] memory lockDeltas) private {
        try LEDGER.adjustLocks(accounts, lockDeltas) {}
        catch (bytes memory reason) {
            for (uint256 i = 1; i < accounts.length; ++i) {
                for (uint256 j; j < i; ++j) {
                    if (accounts[i] == accounts[j]) revert SignerSplit(accounts[i]);
                }
            }
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason)) // the ledger's own error
            }
        }
    }
}
