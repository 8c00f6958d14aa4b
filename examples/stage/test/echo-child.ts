/** What the tests of actors ask things of. */
import { act } from '../src/actor.ts'

export const calls = {
  double: (number: bigint) => number * 2n,
  fail: (): never => {
    throw new Error('I will not')
  },
  wait: () => new Promise<never>(() => {}),
}

if (process.argv[2] === 'leave') process.exit(3)
const keepUp = setInterval(() => {}, 60_000)
act(calls, async () => clearInterval(keepUp))
