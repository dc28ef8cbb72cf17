// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

/// @notice The property of crytic's ERC-20 list that a `MockFaultyToken` breaks, in the list's order.
enum TokenFault {
    NONE,
    BASE_001_SUPPLY_DRIFTS,
    BASE_002_BALANCE_ABOVE_SUPPLY,
    BASE_003_SUM_ABOVE_SUPPLY,
    BASE_004_ZERO_ADDRESS_HOLDS,
    BASE_005_TRANSFER_TO_ZERO,
    BASE_006_TRANSFER_FROM_TO_ZERO,
    BASE_007_SELF_TRANSFER_CREATES,
    BASE_008_SELF_TRANSFER_FROM_CREATES,
    BASE_009_TRANSFER_ABOVE_BALANCE,
    BASE_010_TRANSFER_FROM_ABOVE_BALANCE,
    BASE_011_NOTHING_MOVES_SOMETHING,
    BASE_012_NOTHING_FROM_MOVES_SOMETHING,
    BASE_013_TRANSFER_LOSES,
    BASE_014_TRANSFER_FROM_LOSES,
    BASE_015_APPROVES_LESS,
    BASE_016_APPROVALS_ADD_UP,
    BASE_017_ALLOWANCE_STAYS,
    BURNABLE_001_SUPPLY_STAYS,
    BURNABLE_002_SUPPLY_STAYS,
    BURNABLE_003_ALLOWANCE_STAYS,
    MINTABLE_001_SUPPLY_STAYS,
    PAUSABLE_001_TRANSFERS,
    PAUSABLE_002_TRANSFERS_FROM,
    ALLOWANCE_001_OVERWRITES,
    ALLOWANCE_002_STAYS
}

/// @notice A token that can be burned, minted and paused by anybody and has one fault of choice. It shows that the
/// checks of `tests/utils/erc20_properties.py` notice each; without fault it is a plain ERC-20.
contract MockFaultyToken {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error Refused();

    string public constant name = "Mock Faulty Coin";
    string public constant symbol = "mFAULT";
    uint8 public constant decimals = 6;

    TokenFault private immutable FAULT;
    uint256 private _supply;
    mapping(address account => uint256) private _balances;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    bool public paused;

    constructor(TokenFault fault, address[] memory holders, uint256[] memory amounts) {
        FAULT = fault;
        for (uint256 i = 0; i < holders.length; ++i) {
            _supply += amounts[i];
            _balances[holders[i]] = amounts[i];
        }
    }

    function totalSupply() external view returns (uint256) {
        if (FAULT == TokenFault.BASE_002_BALANCE_ABOVE_SUPPLY) return 1;
        if (FAULT == TokenFault.BASE_003_SUM_ABOVE_SUPPLY) return _supply / 2;
        return _supply;
    }

    function balanceOf(address account) external view returns (uint256) {
        if (account == address(0) && FAULT == TokenFault.BASE_004_ZERO_ADDRESS_HOLDS) return 1;
        return _balances[account];
    }

    function transfer(address to, uint256 value) external returns (bool) {
        if (paused && FAULT != TokenFault.PAUSABLE_001_TRANSFERS) revert Refused();
        if (to == address(0) && FAULT != TokenFault.BASE_005_TRANSFER_TO_ZERO) revert Refused();
        if (FAULT == TokenFault.BASE_009_TRANSFER_ABOVE_BALANCE && value > _balances[msg.sender]) {
            return true;
        }
        if (FAULT == TokenFault.BASE_001_SUPPLY_DRIFTS) ++_supply;
        if (FAULT == TokenFault.BASE_007_SELF_TRANSFER_CREATES && to == msg.sender) {
            return _double(to, value);
        }
        if (FAULT == TokenFault.BASE_011_NOTHING_MOVES_SOMETHING && value == 0) {
            _balances[msg.sender] = 0;
        }
        if (FAULT == TokenFault.BASE_013_TRANSFER_LOSES && value != 0 && to != msg.sender) {
            --_balances[msg.sender];
            --value;
        }
        _move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        if (paused && FAULT != TokenFault.PAUSABLE_002_TRANSFERS_FROM) revert Refused();
        if (to == address(0) && FAULT != TokenFault.BASE_006_TRANSFER_FROM_TO_ZERO) {
            revert Refused();
        }
        if (FAULT == TokenFault.BASE_010_TRANSFER_FROM_ABOVE_BALANCE && value > _balances[from]) {
            return true;
        }
        if (FAULT != TokenFault.BASE_017_ALLOWANCE_STAYS) _spend(from, value);
        else if (allowance[from][msg.sender] < value) revert Refused();
        if (FAULT == TokenFault.BASE_008_SELF_TRANSFER_FROM_CREATES && to == from) {
            return _double(to, value);
        }
        if (FAULT == TokenFault.BASE_012_NOTHING_FROM_MOVES_SOMETHING && value == 0) {
            _balances[from] = 0;
        }
        if (FAULT == TokenFault.BASE_014_TRANSFER_FROM_LOSES && value != 0 && to != from) {
            --_balances[from];
            --value;
        }
        _move(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        uint256 old = allowance[msg.sender][spender];
        if (FAULT == TokenFault.BASE_015_APPROVES_LESS && old == 0 && value != 0) --value;
        if (FAULT == TokenFault.BASE_016_APPROVALS_ADD_UP) value += old;
        _approve(msg.sender, spender, value);
        return true;
    }

    function increaseAllowance(address spender, uint256 value) external {
        uint256 old = allowance[msg.sender][spender];
        if (FAULT == TokenFault.ALLOWANCE_001_OVERWRITES) old = 0;
        _approve(msg.sender, spender, old + value);
    }

    function decreaseAllowance(address spender, uint256 value) external {
        uint256 old = allowance[msg.sender][spender];
        if (FAULT == TokenFault.ALLOWANCE_002_STAYS) value = 0;
        _approve(msg.sender, spender, old - value);
    }

    function mint(address to, uint256 value) external {
        if (FAULT != TokenFault.MINTABLE_001_SUPPLY_STAYS) _supply += value;
        _balances[to] += value;
        emit Transfer(address(0), to, value);
    }

    function burn(uint256 value) external {
        if (FAULT != TokenFault.BURNABLE_001_SUPPLY_STAYS) _supply -= value;
        _move(msg.sender, address(0), value);
    }

    function burnFrom(address from, uint256 value) external {
        if (FAULT != TokenFault.BURNABLE_003_ALLOWANCE_STAYS) _spend(from, value);
        if (FAULT != TokenFault.BURNABLE_002_SUPPLY_STAYS) _supply -= value;
        _move(from, address(0), value);
    }

    function pause() external {
        paused = true;
    }

    function unpause() external {
        paused = false;
    }

    function _move(address from, address to, uint256 value) private {
        _balances[from] -= value;
        if (to != address(0)) _balances[to] += value;
        emit Transfer(from, to, value);
    }

    function _double(address account, uint256 value) private returns (bool) {
        if (value > _balances[account]) revert Refused();
        _balances[account] += value;
        return true;
    }

    function _spend(address from, uint256 value) private {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) allowance[from][msg.sender] = allowed - value;
    }

    function _approve(address owner, address spender, uint256 value) private {
        allowance[owner][spender] = value;
        emit Approval(owner, spender, value);
    }
}
