import { Actor, figure, type Story, until } from '@daybook/example-stage'
import type { Order } from '../order.ts'
import type { ShopCalls } from '../service.ts'

/** What was seen besides the stores. */
export interface Seen {
  /** Reasons of transactions that are parked at the end. */
  readonly parked: readonly string[]
  /** What should have happened, and did not. */
  readonly missing: readonly string[]
}

/** Orders that are asked for at the same time. */
const askers = 12

/** For whom the index is broken for a while. */
const unlucky = 'cleo'

/** Has all orders placed; kills the shop meanwhile, and breaks its index for a customer. */
export async function perform(
  directory: string,
  orders: readonly Order[],
  story: Story,
): Promise<Seen> {
  const counter = new Counter(orders)
  story.watch(() => counter.line)
  try {
    const killed = await untilItIsKilled(directory, counter, story)
    const broken = await withABrokenIndex(directory, counter, story)
    const mended = await withItMended(directory, broken.parked, story)
    const expected = { ...killed, ...broken.expected, ...mended.expected, ...counter.expected }
    const missing = Object.keys(expected).filter((what) => !expected[what])
    return { parked: mended.parked, missing }
  } finally {
    story.end()
  }
}

type Shop = Actor<ShopCalls>
type Expected = Readonly<Record<string, boolean>>

function start(directory: string, brokenFor?: string): Promise<Shop> {
  const script = new URL('../service.ts', import.meta.url)
  return Actor.start<ShopCalls>(script, directory, ...(brokenFor === undefined ? [] : [brokenFor]))
}

async function untilItIsKilled(
  directory: string,
  counter: Counter,
  story: Story,
): Promise<Expected> {
  const shop = await start(directory)
  const asking = counter.askFor(shop)
  await until('a third of the orders are answered, and some are not applied', async () => {
    return counter.answered >= counter.total / 3 && (await shop.ask('status')).pending > 0
  })
  const signal = await shop.kill()
  const unanswered = await asking
  story.say(
    'bad',
    `kill -9: the shop dies, with ${figure(counter.answered)} of ${figure(counter.total)} orders answered.`,
    `${figure(unanswered)} more were under way. Nobody knows what becomes of them: they will be asked for again, by their ids.`,
  )
  return {
    'the shop died of kill -9': signal === 'SIGKILL',
    'orders were under way when the shop died': unanswered > 0,
    'orders were left when the shop died': counter.answered < counter.total,
  }
}

async function withABrokenIndex(
  directory: string,
  counter: Counter,
  story: Story,
): Promise<{ readonly parked: number; readonly expected: Expected }> {
  const shop = await start(directory, unlucky)
  const { left } = await shop.ask('status')
  story.say(
    'good',
    'It is started again, and goes on where it stopped.',
    `It applies what was sealed, from ${figure(left)} records of the log. But the index takes nothing of ${unlucky}'s.`,
  )
  const unanswered = await counter.askFor(shop)
  await shop.ask('settle')
  const reasons = await shop.ask('parked')
  story.say('bad', `All are answered; ${figure(reasons.length)} are parked.`, reasons[0] ?? 'none')
  const exitCode = await shop.stop()
  return {
    parked: reasons.length,
    expected: {
      'the log had records left when the shop died': left > 0,
      'every order was answered': unanswered === 0 && counter.answered === counter.total,
      'orders were parked': reasons.length > 0,
      'only those whose index is broken were parked': reasons.every((one) => one.includes(unlucky)),
      'the shop with a broken index closed well': exitCode === 0,
    },
  }
}

async function withItMended(
  directory: string,
  wereParked: number,
  story: Story,
): Promise<{ readonly parked: readonly string[]; readonly expected: Expected }> {
  const shop = await start(directory)
  const redriven = await shop.ask('redrive')
  await shop.ask('settle')
  const parked = await shop.ask('parked')
  const exitCode = await shop.stop()
  story.say('good', `The index is mended: ${figure(redriven)} are redriven, from where they stood.`)
  return {
    parked,
    expected: {
      'all that were parked were redriven': redriven === wereParked,
      'the mended shop closed well': exitCode === 0,
    },
  }
}

/** Asks for orders, and counts the answers over all lives of the shop. */
class Counter {
  readonly #left: Order[]
  readonly total: number
  placed = 0
  dropped = 0
  readonly #wrong: number[] = []

  constructor(orders: readonly Order[]) {
    this.#left = [...orders]
    this.total = orders.length
  }

  get answered(): number {
    return this.placed + this.dropped
  }

  get line(): string {
    return `placed ${figure(this.placed)}, dropped ${figure(this.dropped)} of ${figure(this.total)}`
  }

  get expected(): Expected {
    const isRight = this.#wrong.length === 0
    return { 'the orders that were dropped are those that should be': isRight }
  }

  /** Asks for all that are left, until they are answered or the shop is dead; resolves with how many were not answered. */
  async askFor(shop: Shop): Promise<number> {
    const unanswered: Order[] = []
    const ask = async (): Promise<void> => {
      for (let order = this.#left.shift(); order !== undefined; order = this.#left.shift()) {
        try {
          this.#count(order, await shop.ask('place', order))
        } catch {
          unanswered.push(order)
          return
        }
      }
    }
    await Promise.all(Array.from({ length: askers }, ask))
    this.#left.unshift(...unanswered)
    return unanswered.length
  }

  #count({ number, isDropped }: Order, isPlaced: boolean): void {
    if (isPlaced) this.placed++
    else this.dropped++
    if (isPlaced === isDropped) this.#wrong.push(number)
  }
}
