import { isWalError, WalError } from '../errors.ts'
import type { WalRecord } from '../record.ts'
import type { DeadLetter } from './dead-letter.ts'
import type {
  DeadLetterFilter,
  DeadLetterPageOptions,
  DeadLetterQueue,
  StoredDeadLetter,
  StoredDeadLetterPage,
} from './dlq.ts'
import {
  asWalError,
  notFound,
  type Redrive,
  type RedriveOptions,
  type RedriveReport,
  redriveLetters,
  withLetter,
} from './redrive.ts'
import {
  checkFilter,
  checkPageOptions,
  checkRedriveOptions,
  checkSelection,
  type DeadLetterSelection,
} from './selection.ts'

/** A page of dead letters, oldest first. */
export interface DeadLetterPage<P> {
  readonly letters: readonly DeadLetter<P>[]
  /** Pass as `after` to go on; undefined at the end. */
  readonly next: string | undefined
  /**
   * True where the letters lie in a queue that cannot list them, and the look at it ended before it was certain
   * to have seen all: others may be there. Never where they lie in a directory, a topic or a store.
   */
  readonly cut?: boolean | undefined
}

/** Dead letters that failed alike. */
export interface DeadLetterGroup {
  readonly target: string
  readonly code: string
  readonly count: number
  /** The message of the latest one. */
  readonly message: string
  /** When the first and the latest were dead-lettered, in ms since the Unix epoch. */
  readonly firstAt: number
  readonly lastAt: number
}

/** What {@link DeadLetters} needs of its namespace. */
export interface DeadLettersContext extends Redrive {
  readonly namespace: string
  readonly queue: DeadLetterQueue
  /** Decodes a letter for its reader. */
  present(letter: StoredDeadLetter): DeadLetter
  /** Ends the transaction that a letter stands for, at its target. */
  discardTransaction(letter: StoredDeadLetter): Promise<void> | undefined
  /** Tells delivery that a letter is gone, so that a key that waited for it goes on. */
  discarded(letter: StoredDeadLetter): void
}

const pageSize = 200

/** What is told of letters that were meant and not had. */
interface Missed {
  /** One of those named could not be read, or is not there. */
  unread?(id: string, error: WalError): void
  /** A look ended before it was certain to have seen all. */
  isCut: boolean
}

/**
 * The dead letters of a namespace: look at them, put them back, or let them go. `P` is the
 * namespace's payload, `Name` its targets' names.
 */
export class DeadLetters<P = unknown, Name extends string = string> {
  readonly #context: DeadLettersContext

  constructor(context: DeadLettersContext) {
    this.#context = context
  }

  /** A page of letters, oldest first. */
  async list(options: DeadLetterPageOptions<Name> = {}): Promise<DeadLetterPage<P>> {
    const { letters, ...page } = await this.#context.queue.list(checkPageOptions(options))
    return { letters: letters.map((letter) => this.#present(letter)), ...page }
  }

  /** The letter of this id, or undefined if there is none, or no longer. */
  async get(id: string): Promise<DeadLetter<P> | undefined> {
    const letter = await this.#context.queue.get(id)
    return letter && this.#present(letter)
  }

  /**
   * The letters that match counted by target and code, the largest group first. Rejects with `ERR_NOT_SUPPORTED`
   * where only some of the letters were seen, as `cut` of a page tells: a part is not to be taken for the whole.
   */
  async groups(filter: DeadLetterFilter<Name> = {}): Promise<readonly DeadLetterGroup[]> {
    const groups = new Map<string, DeadLetterGroup>()
    for await (const letter of this.#matching(checkFilter(filter), refuseCut)) {
      const { target, code, message, at } = letter
      const name = JSON.stringify([target, code])
      const group = groups.get(name)
      groups.set(name, {
        target,
        code,
        message,
        count: (group?.count ?? 0) + 1,
        firstAt: group?.firstAt ?? at,
        lastAt: at,
      })
    }
    return [...groups.values()].sort((a, b) => b.count - a.count)
  }

  /** How many letters wait, per target. */
  count(): Promise<ReadonlyMap<string, number>> {
    return this.#context.queue.count()
  }

  /**
   * Puts letters back into the queue, each for its own target only, as a new attempt epoch with
   * the same id and version. A letter is removed once its record is durable again: a crash between
   * leaves both, and applying twice is what targets are idempotent for. Acts on the letters there
   * are at the call, never on one that comes later, as when a record fails again meanwhile. Never
   * throws for one letter: the report says what became of each. Under `onDeadLetter: 'block'` a
   * letter stays until its record has been delivered; redriven again before that, it is reported
   * with `ERR_REDRIVE_UNDER_WAY`. One that is gone by its turn is reported with `ERR_DEAD_LETTER_NOT_FOUND`. Where the
   * letters cannot be listed, `cut` of the report says that there may be others.
   *
   * Rejects with `ERR_INVALID_SELECTION` if it is not clear which letters are meant, or how.
   *
   * @example
   * // The index is back: put back what it has missed, gently.
   * await titles.deadLetters.redrive({ target: 'search' }, { rate: { perSecond: 50 }, signal })
   */
  async redrive(
    selection: DeadLetterSelection<Name>,
    options: RedriveOptions<P> = {},
  ): Promise<RedriveReport> {
    checkRedriveOptions(options)
    const unread: { id: string; error: WalError }[] = []
    const missed: Missed = { unread: (id, error) => unread.push({ id, error }), isCut: false }
    const letters = this.#select(selection, missed)
    const { redriven, failed } = await redriveLetters(this.#context, letters, {
      ...options,
      edit: options.edit && ((letter) => options.edit?.(letter as DeadLetter<P>)),
    })
    return { redriven, failed: [...failed, ...unread], ...(missed.isCut && { cut: true }) }
  }

  /**
   * Removes letters for good, and answers how many. Acts on the letters there are at the call,
   * never on one that comes later and looks alike. Closing the wal ends the work after the letter at hand.
   *
   * A transaction ends before its letter is removed: after a crash between the two the letter is still there, to be
   * discarded again, and nothing more of the transaction is applied, also if it is redriven.
   *
   * Rejects with `ERR_INVALID_SELECTION` if it is not clear which letters are meant, and, once the
   * others are gone, with `ERR_REDRIVE_UNDER_WAY` for those whose records are on their way back, and with
   * `ERR_DEAD_LETTERS_UNSEEN` where the letters cannot be listed and there may be others.
   */
  async discard(selection: DeadLetterSelection<Name>): Promise<number> {
    const context = this.#context
    const underWay: WalError[] = []
    let discarded = 0
    const missed: Missed = { isCut: false }
    for await (const letter of this.#select(selection, missed)) {
      if (context.closing.aborted) break
      try {
        discarded += await withLetter(context, letter, () => this.#discardOne(letter))
      } catch (error) {
        if (!isWalError(error) || error.code !== 'ERR_REDRIVE_UNDER_WAY') throw error
        underWay.push(error)
      }
    }
    const [first] = underWay
    if (first !== undefined) {
      throw new WalError(
        'ERR_REDRIVE_UNDER_WAY',
        `${underWay.length} dead letters were not discarded, ${discarded} were. ${first.message}`,
        { retryable: true, cause: first },
      )
    }
    if (missed.isCut && !context.closing.aborted) throw moreUnseen(discarded)
    return discarded
  }

  /** 0 if it is gone by now. */
  async #discardOne(letter: StoredDeadLetter): Promise<number> {
    const { queue, discardTransaction, discarded } = this.#context
    if (letter.record.transaction !== undefined) {
      // It was read before its turn: one that was redriven since is to be applied.
      if ((await queue.get(letter.id)) === undefined) return 0
      // First, as without a letter nobody could redrive a parked transaction, or discard it.
      await discardTransaction(letter)
    }
    const removed = await queue.remove([letter.id])
    if (removed > 0) discarded(letter)
    // Another attempt, by a marker that came twice, may have parked it again meanwhile, and put the letter that is gone now.
    if (removed > 0 && letter.record.transaction !== undefined) await discardTransaction(letter)
    return removed
  }

  /** The letters meant, as far as they are there at the call and until their turn. */
  async *#select(selection: DeadLetterSelection, missed: Missed): AsyncGenerator<StoredDeadLetter> {
    const meant = checkSelection(selection)
    if (meant !== 'all' && 'ids' in meant) {
      yield* this.#byIds(meant.ids, missed)
      return
    }
    const filter: DeadLetterFilter = meant === 'all' ? {} : meant
    const check = ({ cut }: StoredDeadLetterPage): void => {
      if (cut) missed.isCut = true
    }
    const there = await this.#idsThere(filter, check)
    for await (const letter of this.#matching(filter, check)) {
      if (there.delete(letter.id)) yield letter
      if (there.size === 0) return
    }
  }

  async *#byIds(ids: readonly string[], { unread }: Missed): AsyncGenerator<StoredDeadLetter> {
    for (const id of new Set(ids)) {
      let letter: StoredDeadLetter | undefined
      try {
        letter = await this.#context.queue.get(id)
      } catch (error) {
        if (unread === undefined) throw error
        unread(id, asWalError(error))
        continue
      }
      if (letter) yield letter
      else unread?.(id, notFound(id))
    }
  }

  /** Ids at the call. A record that is redriven and fails again makes a letter of another id. */
  async #idsThere(
    filter: DeadLetterFilter,
    check: (page: StoredDeadLetterPage) => void,
  ): Promise<Set<string>> {
    const { queue } = this.#context
    const { target, key } = filter
    const ids = new Set<string>()
    if (queue.supports?.listing === false) {
      // Summaries would be those of a look as well, and cannot say that it was cut.
      for await (const { id } of this.#matching(filter, check)) ids.add(id)
      return ids
    }
    for await (const letter of queue.summaries()) {
      if (target !== undefined && letter.target !== target) continue
      if (key === undefined || letter.key === key) ids.add(letter.id)
    }
    return ids
  }

  async *#matching(
    filter: DeadLetterFilter,
    check: (page: StoredDeadLetterPage) => void = () => {},
  ): AsyncGenerator<StoredDeadLetter> {
    let after: string | undefined
    do {
      const page = await this.#context.queue.list({ ...filter, limit: pageSize, after })
      check(page)
      yield* page.letters
      after = page.next
    } while (after !== undefined)
  }

  #present(letter: StoredDeadLetter): DeadLetter<P> {
    return this.#context.present(letter) as DeadLetter<P>
  }
}

function moreUnseen(discarded: number): WalError {
  return new WalError(
    'ERR_DEAD_LETTERS_UNSEEN',
    `${discarded} dead letters were discarded, and there may be others: they lie in a queue that cannot list them, and the look at it ended before it was certain to have seen all. Discard again.`,
    { retryable: true },
  )
}

function refuseCut({ cut }: StoredDeadLetterPage): void {
  if (!cut) return
  throw new WalError(
    'ERR_NOT_SUPPORTED',
    'The dead letters lie in a queue that cannot list them, and the look at it ended before it was certain to have seen all: groups would count a part. Ask again once nobody else looks at them, raise the bounds of the look, or keep dead letters in a store.',
  )
}

/** Makes a letter readable: its record decoded, where that can be done. */
export function presentLetter(
  namespace: string,
  letter: StoredDeadLetter,
  decode: (record: StoredDeadLetter['record']) => WalRecord,
): DeadLetter {
  const { record: stored, ...rest } = letter
  let record: WalRecord | undefined
  try {
    if (!letter.damaged) record = decode(stored)
  } catch {
    // Undecodable bytes are one of the reasons for being here: `stored` has them.
  }
  return { ...rest, namespace, record, stored }
}
