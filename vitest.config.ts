import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    // Files are whole machines that compute; a core left over helps nobody.
    maxWorkers: '100%',
  },
});
