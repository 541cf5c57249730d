//! The terms of the market under test, for the runtime and the model alike: small, so that every deadline,
//! shortage and backlog is met within a few blocks.

pub type Balance = u128;
pub type Block = u32;

pub const EXISTENTIAL_DEPOSIT: Balance = 10;

pub const MIN_BOND: Balance = 200;
pub const MAX_OPERATORS: usize = 8;
pub const MAX_UNBONDING_CHUNKS: usize = 16;
pub const UNBONDING_PERIOD: Block = 14;
pub const SLASH_WINDOW: Block = 6;

pub const PROGRAM_DEPOSIT: Balance = 150;

pub const PROVIDER_DEPOSIT_BASE: Balance = 15;
pub const PROVIDER_DEPOSIT_PER_BYTE: Balance = 1;
pub const MAX_ENDPOINT_BYTES: u32 = 128;
pub const MAX_ADVERTISED_PROGRAMS: u32 = 64;

pub const DEPOSIT_BASE: Balance = 20;
pub const DEPOSIT_PER_BYTE: Balance = 2;
/// A claimer's collateral, percent of the highest price.
pub const COLLATERAL_PERCENT: Balance = 30;
pub const MIN_COLLATERAL: Balance = 25;
pub const MIN_PRICE: Balance = 20;
pub const MIN_CLAIM_WINDOW: Block = 2;
pub const MAX_CLAIM_WINDOW: Block = 6;
pub const MAX_LIFETIME: Block = 20;
pub const MAX_INPUT_BYTES: u64 = 1_000;
pub const MAX_OUTPUT_BYTES: u32 = 1024 * 1024;
/// Orders whose deadlines one block does: so few that backlogs are common.
pub const MAX_EXPIRIES_PER_BLOCK: usize = 2;

/// The fee of the worst settlement of an order is this and a unit for each byte of its output.
pub const SETTLEMENT_FEE_BASE: Balance = 34;
