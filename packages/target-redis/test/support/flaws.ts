import type { NodeRedisClient, RedisClient, RedisTargetOptions } from '../../src/index.ts'

/** A script that is broken in one place, and the cases that have to notice. */
export interface Flaw {
  readonly flaw: string
  readonly change: (script: string) => string
  readonly turnsRed: readonly string[]
  readonly options?: Pick<RedisTargetOptions, 'patch'>
}

const anyOrder = 'ends in the state of the versions in any order, with any repeats'
const comparison = 'ourHigh < high or (ourHigh == high and ourLow < low)'

export const flaws: readonly Flaw[] = [
  {
    flaw: 'compares versions as doubles',
    change: (script) => script.replace(comparison, 'tonumber(ours) < tonumber(held)'),
    turnsRed: ['tells versions apart that a double cannot'],
  },
  {
    flaw: 'compares the high half only',
    change: (script) => script.replace(comparison, 'ourHigh < high'),
    turnsRed: [anyOrder],
  },
  {
    flaw: 'takes no notice of versions',
    change: (script) => script.replace(comparison, 'false'),
    turnsRed: [
      anyOrder,
      'changes nothing when an older change comes after a newer one',
      'takes the highest version there is',
    ],
  },
  {
    flaw: 'forgets which fields were patched',
    change: (script) =>
      script.replaceAll(
        /(redis.call\('SET', version), ARGV\[7\]/g,
        '$1, string.sub(ARGV[7], 1, 19)',
      ),
    turnsRed: [anyOrder],
    options: { patch: 'merge' },
  },
  {
    flaw: 'keeps no version of what is deleted',
    change: (script) =>
      script.replace(
        /(op == 'delete' then\s+)redis.call\('DEL', value\)/,
        "$1return redis.call('DEL', value, version)",
      ),
    turnsRed: [anyOrder, 'does not bring back what was deleted when an older change comes late'],
  },
]

/** A client whose server runs another script than the one it was given. */
export function withScript(client: RedisClient, change: Flaw['change']): RedisClient {
  const whole = client as NodeRedisClient
  const broken: NodeRedisClient = {
    get: (key) => whole.get(key),
    ping: () => whole.ping(),
    evalSha: () => Promise.reject(new Error('NOSCRIPT')),
    async eval(script, options) {
      const changed = change(script)
      if (changed === script) throw new Error('The script has no such place.')
      return whole.eval(changed, options)
    },
  }
  return broken
}
