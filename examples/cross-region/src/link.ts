import type { IncomingMessage, RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import {
  type Forward,
  type ForwardedRecord,
  type Namespace,
  type Receipt,
  WalError,
} from '@daybook/core'

/** The end of a link at which records leave: for `walTarget`. */
export function sendTo<P>(url: string): Forward<P> {
  return async (records, { signal }) => {
    try {
      const response = await fetch(url, { method: 'POST', body: toJson(records), signal })
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      return withVersions((await response.json()) as Receipt[])
    } catch (cause) {
      // However a link breaks, that says nothing of the records: they wait, and spend no attempt.
      const reason = (cause as Error).message
      throw new WalError('ERR_UNAVAILABLE', `${url} is not reached: ${reason}`, { cause })
    }
  }
}

/** The end at which they come in: a listener for requests. */
export function receiveInto<P, Name extends string>(
  namespace: Namespace<P, Name>,
): RequestListener {
  return async (request, response) => {
    try {
      response.end(await taken(namespace, request))
    } catch {
      // Not durable here, or nobody knows: the sender keeps it, and comes again.
      response.writeHead(503).end()
    }
  }
}

async function taken<P, Name extends string>(
  namespace: Namespace<P, Name>,
  request: IncomingMessage,
): Promise<string> {
  const records: ForwardedRecord<P>[] = JSON.parse(await text(request))
  const receipts = await namespace.forward(withVersions(records))
  // Of an error its code is what counts.
  return toJson(
    receipts.map(({ error, ...receipt }) =>
      error === undefined
        ? receipt
        : { ...receipt, error: { code: error.code, message: error.message } },
    ),
  )
}

/** Versions are bigints: as JSON they are digits. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? each.toString() : each))
}

function withVersions<T extends { readonly version: bigint }>(items: readonly T[]): T[] {
  return items.map((item) => ({ ...item, version: BigInt(item.version) }))
}
