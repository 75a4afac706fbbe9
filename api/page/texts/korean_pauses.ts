/** The Korean texts of the page of pauses. */
import type { Texts } from "./english.ts";

/** Korean texts. */
export const KOREAN_PAUSES: Pick<Texts, "pauses"> = {
  pauses: {
    title: "일시 중지",
    explanation:
      "일시 중지된 큐의 작업과 일시 중지된 작업은 시작되지 않습니다. 메시지는 다시 시작할 때까지 보관됩니다.",
    empty: "일시 중지된 것이 없습니다.",
    scope: "종류",
    scopes: { queue: "큐", task: "작업" },
    name: "이름",
    state: "상태",
    paused: "일시 중지됨",
    resuming: "다시 시작하는 중",
    reason: "이유",
    by: "중지한 사람",
    at: "시작 시각",
    parked: "보관된 메시지",
    pause: "큐 또는 작업 일시 중지",
    pauseConfirm: "일시 중지",
    pauseWarning:
      "실행 중인 작업은 끝까지 실행됩니다. 다시 시작할 때까지 다른 작업은 시작되지 않습니다.",
    resumingAt: (rate) => `다시 시작하는 중, 초당 메시지 ${rate}개`,
    rate: "초당 보관된 메시지 수",
    allAtOnce: "한꺼번에",
    resume: "다시 시작",
    resumeWarning: "작업이 다시 시작되고 보관된 메시지가 전송됩니다.",
    resumeConfirm: "다시 시작",
    queueMark: (reason) => reason === "" ? "일시 중지됨" : `일시 중지됨: ${reason}`,
  },
};
