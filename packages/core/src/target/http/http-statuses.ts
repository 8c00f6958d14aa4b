import type { FailureClass } from '../target.ts'

/** What a status says of a request; `'conflict'` depends on what the application compares. */
export type HttpStatusClass = 'applied' | 'conflict' | 'gone' | FailureClass

/**
 * The one table of status classes.
 *
 * `permanent` is what speaks of the request's own content. Where a status may as well come from a wrong
 * address or a deployment (404, 405, 415, 500, 502 …) it is `transient`: a lone record that gets it
 * spends its attempts, and where all get it the breaker opens and gives these back. A credential that
 * is not taken is an outage of ours, and no record is to blame for it. Where each record has an address of its
 * own, one host must not stop the records of others: `throttled` counts as `held` there, and so does what is
 * `unavailable`, unless it may as well be said of this address alone ({@link isOfWholeHost}).
 */
const byStatus: Readonly<Record<number, HttpStatusClass>> = {
  // Not this record's fault, but that of credentials, of the address, or of a payment.
  401: 'unavailable',
  402: 'unavailable',
  403: 'unavailable',
  407: 'unavailable',
  // May be the record, may be the deployment.
  404: 'transient',
  405: 'transient',
  406: 'transient',
  415: 'transient',
  421: 'transient',
  426: 'transient',
  // Later, or by another request.
  408: 'transient',
  423: 'transient',
  424: 'transient',
  425: 'transient',
  429: 'throttled',
  409: 'conflict',
  412: 'conflict',
  410: 'gone',
  // Of its content.
  400: 'permanent',
  411: 'permanent',
  413: 'permanent',
  414: 'permanent',
  416: 'permanent',
  417: 'permanent',
  422: 'permanent',
  428: 'permanent',
  431: 'permanent',
  451: 'permanent',
  // The application says that it is down, or that it is full.
  503: 'unavailable',
  507: 'unavailable',
  511: 'unavailable',
  // Said by proxies in front of many applications: nobody behind them answers, or it has too much to do.
  521: 'unavailable',
  522: 'unavailable',
  523: 'unavailable',
  529: 'throttled',
  530: 'unavailable',
}

/** The class of a status. Redirects that are not followed are a mistake in the address. */
export function statusClassOf(status: number): HttpStatusClass {
  if (status >= 200 && status < 300) return 'applied'
  if (status < 200 || (status >= 300 && status < 400)) return 'unavailable'
  return byStatus[status] ?? 'transient'
}

/** Statuses that may be said of one address of a host, while it serves its others: then `transient`. */
const ofOneAddress: ReadonlySet<number> = new Set([402, 403])

/** Of a status that is `unavailable`: true if the host says it of itself, or of whoever asks it. */
export function isOfWholeHost(status: number): boolean {
  return status >= 400 && !ofOneAddress.has(status)
}
