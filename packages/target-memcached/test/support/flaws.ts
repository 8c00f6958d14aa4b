import {
  type HeldItem,
  type MemcachedConnection,
  type MemcachedTargetOptions,
  memcachedValue,
} from '../../src/index.ts'
import { withVersion } from '../../src/memcached-envelope.ts'

/** A way to memcached that is broken in one place, and the cases that have to notice. */
export interface Flaw {
  readonly flaw: string
  readonly change: (whole: MemcachedConnection) => Partial<MemcachedConnection>
  readonly turnsRed: readonly string[]
  readonly options?: Pick<MemcachedTargetOptions, 'patch'>
}

const anyOrder = 'ends in the state of the versions in any order, with any repeats'

/** Where the version ends in what is stored: its last character has the lowest two bits. */
const lastDigit = 32

export const flaws: readonly Flaw[] = [
  {
    flaw: 'loses the version of what is stored',
    change: (whole) => ({
      store: (item) => whole.store({ ...item, value: `${item.value}`.slice(lastDigit + 2) }),
    }),
    turnsRed: [anyOrder, 'changes nothing when an older change comes after a newer one'],
  },
  {
    flaw: 'rounds versions',
    change: (whole) => ({ gets: async (key) => rounded(await whole.gets(key)) }),
    turnsRed: [anyOrder, 'tells versions apart that a double cannot'],
  },
  {
    flaw: 'forgets which fields were patched',
    change: (whole) => ({
      store(item) {
        const { version = 0n, value } = memcachedValue(item.value)
        return whole.store({ ...item, value: withVersion(version, value) })
      },
    }),
    turnsRed: [anyOrder],
    options: { patch: 'merge' },
  },
  {
    flaw: 'forgets what was deleted',
    change: (whole) => ({
      async gets(key) {
        const item = await whole.gets(key)
        const isTombstone = `${item?.value}`.startsWith('\t')
        return item && isTombstone ? { ...item, value: 'null' } : item
      },
    }),
    turnsRed: [anyOrder, 'does not bring back what was deleted when an older change comes late'],
  },
]

/** Versions that differ in their last two bits alone are taken for the highest of them. */
function rounded(item: HeldItem | undefined): HeldItem | undefined {
  const text = `${item?.value}`
  return item && { ...item, value: `${text.slice(0, lastDigit)} ${text.slice(lastDigit + 1)}` }
}
