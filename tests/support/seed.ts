import { afterEach } from 'vitest'

/** Prints how to replay a failure of a random test, under the test that failed. */
afterEach(({ task }) => {
  if (task.result?.state !== 'fail') return
  console.error(`seed of this run: replay with DAYBOOK_SEED=${process.env['DAYBOOK_SEED']}`)
})
