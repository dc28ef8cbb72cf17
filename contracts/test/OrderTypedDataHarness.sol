// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {OrderTypedData} from "../libraries/OrderTypedData.sol";
import {SignedOrder, SignedOrderLib} from "../types/SignedOrder.sol";

/// @notice Opens the typed data of signed orders, and the items of a batch, to tests.
contract OrderTypedDataHarness {
    function domainSeparator() external view returns (bytes32) {
        return OrderTypedData.domainSeparator();
    }

    /// @dev Digests twice, first an order with four steps: what it leaves in memory must not matter.
    function digest(SignedOrder order, uint256 lotWh, uint256 tickSize)
        external
        view
        returns (bytes32)
    {
        bytes32 domain = OrderTypedData.domainSeparator();
        SignedOrder other = SignedOrder.wrap(type(uint256).max ^ (uint256(11) << 212));
        OrderTypedData.digest(domain, other, lotWh, tickSize);
        return OrderTypedData.digest(domain, order, lotWh, tickSize);
    }

    function signer(bytes32 digest_, bytes32 r, bytes32 vs) external pure returns (address) {
        return OrderTypedData.signer(digest_, r, vs);
    }

    /// @notice The item at `offset`, field by field.
    function read(bytes calldata orders, uint256 offset)
        external
        pure
        returns (
            uint256 signedAt,
            uint256 productId,
            uint256 count,
            uint256 steps,
            bytes32 r,
            bytes32 vs,
            uint256 next
        )
    {
        SignedOrder order;
        (order, next) = SignedOrderLib.read(orders, offset);
        (r, vs) = SignedOrderLib.signature(orders, offset);
        signedAt = order.signedAt();
        count = order.count();
        productId = uint256(uint216(_raw(order)) >> 156) & type(uint56).max;
        steps = _raw(order) & ((1 << 156) - 1);
    }

    function _raw(SignedOrder order) private pure returns (uint256) {
        return SignedOrder.unwrap(order);
    }
}
