// Tests run the sources as Node runs them: types are stripped in place, so line numbers in stack traces are true.
const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/scripts/jest-strip-types.mjs' },
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  modulePathIgnorePatterns: ['<rootDir>/.slipway'],
};

export default {
  ...shared,
  testMatch: ['**/*.test.ts', '**/*.e2e.ts'],
  // Real clusters on a busy machine; a test that only computes ends long before.
  testTimeout: 120_000,
};
