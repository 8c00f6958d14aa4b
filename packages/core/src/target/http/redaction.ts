import type { HttpHeaders } from './http-options.ts'

/** Shorter ones are words rather than credentials, and would spoil a message. */
const shortestCredential = 6

/** Headers that say nothing worth hiding. */
const plainHeaders = new Set(['accept', 'accept-language', 'content-type', 'user-agent'])

/**
 * Takes out of a text the values of the headers that were sent, whole and word by word, and those of
 * the address's query: an application that answers with what it was sent would bring a token into
 * dead letters and logs.
 */
export function redactionOf(headers: HttpHeaders, url: URL): (text: string) => string {
  const values = Object.entries(headers)
    .filter(([name]) => !plainHeaders.has(name.toLowerCase()))
    .flatMap(([, value]) => [value, ...value.split(/[\s,;=]+/)])
  for (const value of url.searchParams.values()) values.push(value, encodeURIComponent(value))
  const credentials = values.filter(({ length }) => length >= shortestCredential)
  return (text) =>
    credentials.reduce((redacted, value) => redacted.replaceAll(value, '[redacted]'), text)
}
