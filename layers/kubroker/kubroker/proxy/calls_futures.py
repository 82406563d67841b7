"""Every call of KuCoin's futures host that the proxy forwards; see ``proxy_calls_spot``.

Source: as there. Weight 3 of ``recentFills`` is [assumed]. Left out besides: transfers of the
older kind, sub-accounts and copy trading.
"""

FUTURES_CALLS = """
GET    /api/v1/account-overview                                 FUTURES            FUTURES     5
GET    /api/v1/transaction-history                              GENERAL            FUTURES     2
GET    /api/v1/trade-fees                                       GENERAL            FUTURES     3
GET    /api/v1/funding-rate/{symbol}/current                    -                  PUBLIC      2
GET    /api/v1/contract/funding-rates                           -                  PUBLIC      5
GET    /api/v1/funding-history                                  FUTURES            FUTURES     5
GET    /api/v1/contracts/{symbol}                               -                  PUBLIC      3
GET    /api/v1/contracts/active                                 -                  PUBLIC      3
GET    /api/v1/ticker                                           -                  PUBLIC      2
GET    /api/v1/allTickers                                       -                  PUBLIC      5
GET    /api/v1/level2/snapshot                                  -                  PUBLIC      3
GET    /api/v1/level2/depth20                                   -                  PUBLIC      5
GET    /api/v1/level2/depth100                                  -                  PUBLIC      5
GET    /api/v1/trade/history                                    -                  PUBLIC      5
GET    /api/v1/kline/query                                      -                  PUBLIC      3
GET    /api/v1/mark-price/{symbol}/current                      -                  PUBLIC      3
GET    /api/v1/index/query                                      -                  PUBLIC      2
GET    /api/v1/interest/query                                   -                  PUBLIC      5
GET    /api/v1/premium/query                                    -                  PUBLIC      3
GET    /api/v1/trade-statistics                                 -                  PUBLIC      3
GET    /api/v1/timestamp                                        -                  PUBLIC      2
GET    /api/v1/status                                           -                  PUBLIC      4
POST   /api/v1/orders                                           FUTURES            FUTURES     2
POST   /api/v1/orders/test                                      FUTURES            FUTURES     2
POST   /api/v1/orders/multi                                     FUTURES            FUTURES    20
POST   /api/v1/st-orders                                        FUTURES            FUTURES     2
DELETE /api/v1/orders/{orderId}                                 FUTURES            FUTURES     1
DELETE /api/v1/orders/client-order/{clientOid}                  FUTURES            FUTURES     1
DELETE /api/v1/orders/multi-cancel                              FUTURES            FUTURES    20
DELETE /api/v3/orders                                           FUTURES            FUTURES    10
DELETE /api/v1/stopOrders                                       FUTURES            FUTURES    15
GET    /api/v1/orders/{orderId}                                 GENERAL            FUTURES     5
GET    /api/v1/orders/byClientOid                               GENERAL            FUTURES     5
GET    /api/v1/orders                                           GENERAL            FUTURES     2
GET    /api/v1/recentDoneOrders                                 GENERAL            FUTURES     5
GET    /api/v1/stopOrders                                       GENERAL            FUTURES     6
GET    /api/v1/openOrderStatistics                              GENERAL            FUTURES    10
GET    /api/v1/recentFills                                      FUTURES            FUTURES     3
GET    /api/v1/fills                                            GENERAL            FUTURES     5
DELETE /api/v1/orders                                           FUTURES            FUTURES    800
GET    /api/v2/position/getMarginMode                           FUTURES            FUTURES     2
POST   /api/v2/position/changeMarginMode                        FUTURES            FUTURES     2
POST   /api/v2/position/batchChangeMarginMode                   FUTURES            FUTURES     2
GET    /api/v2/getMaxOpenSize                                   FUTURES            FUTURES     2
GET    /api/v1/position                                         FUTURES            FUTURES     2
GET    /api/v1/positions                                        FUTURES            FUTURES     2
GET    /api/v1/history-positions                                FUTURES            FUTURES     2
GET    /api/v1/margin/maxWithdrawMargin                         FUTURES            FUTURES    10
GET    /api/v2/getCrossUserLeverage                             FUTURES            FUTURES     2
POST   /api/v2/changeCrossUserLeverage                          FUTURES            FUTURES     2
POST   /api/v1/position/margin/deposit-margin                   FUTURES            FUTURES     4
POST   /api/v1/margin/withdrawMargin                            FUTURES            FUTURES    10
GET    /api/v2/batchGetCrossOrderLimit                          FUTURES            FUTURES     2
GET    /api/v1/contracts/risk-limit/{symbol}                    GENERAL            PUBLIC      5
POST   /api/v1/position/risk-limit-level/change                 FUTURES            FUTURES     5
POST   /api/v1/position/margin/auto-deposit-status              FUTURES            FUTURES     4
"""
