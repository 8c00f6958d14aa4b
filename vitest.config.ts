import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// One seed for the whole run: random unless DAYBOOK_SEED replays an earlier one. Every random test
// starts from it, and tests/support/seed.ts prints it beside a failure.
const seed = process.env['DAYBOOK_SEED'] ?? String(Math.floor(Math.random() * 2 ** 31))

// `source` is this workspace's own condition: packages resolve to their TypeScript, with no build.
const conditions = ['source', 'node', 'development|production']

const defaults = {
  // Nearly all take far less. Those that work through many cases take seconds, and a busy machine
  // several times that.
  testTimeout: 30_000,
  hookTimeout: 20_000,
  // Vitest gives a poll one second. What is polled for here comes at once, or never, or once a busy machine gets to it.
  expect: { poll: { timeout: 15_000 } },
  env: { DAYBOOK_SEED: seed },
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['source', 'node'] } },
  test: {
    // Vitest leaves one core free for whoever watches. Here nobody does, and half of two is a lot.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          ...defaults,
          name: 'unit',
          setupFiles: ['./tests/support/seed.ts'],
          include: [
            '{packages,examples}/*/test/**/*.test.ts',
            '{bench,services}/test/**/*.test.ts',
          ],
          exclude: [
            '**/node_modules/**',
            'packages/*/test/simulation/**',
            '{packages/*,examples/*,services,bench}/test/integration/**',
          ],
        },
      },
      {
        extends: true,
        test: {
          ...defaults,
          name: 'crash',
          setupFiles: ['./tests/support/seed.ts'],
          include: ['packages/*/test/simulation/**/*.test.ts'],
          testTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          ...defaults,
          name: 'integration',
          setupFiles: ['./tests/support/seed.ts'],
          globalSetup: ['./services/src/vitest-setup.ts'],
          include: ['{packages/*,examples/*,services,bench}/test/integration/**/*.test.ts'],
          // A server that one file kills is missing in all others.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // A server that shares two cores with two suites misses a deadline now and then. What passes
          // only then is named at the end of `npm test`; all other tests have one try.
          retry: 1,
        },
      },
      {
        extends: true,
        test: {
          ...defaults,
          name: 'tidy',
          include: ['tests/{tidy,scripts,creators}/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          ...defaults,
          name: 'docs',
          include: ['tests/docs/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
    ],
  },
})
