import type { WalError } from '@daybook/core'

/** Throws what `wrong` makes of it, unless it is a URL. A name or an ARN would be found out by the first call alone. */
export function checkUrl(url: unknown, wrong: (reason: string) => WalError): asserts url is string {
  if (typeof url === 'string' && /^https?:/i.test(url) && URL.canParse(url)) return
  const example = 'https://sqs.eu-west-1.amazonaws.com/123456789012/films'
  throw wrong(`must be a queue's URL, such as ${example}, not ${shown(url)}`)
}

/** A value as it stands in a message: a text is told from a number. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 300)}"`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
