/** The Korean texts of the pages of workflows. */
import type { Texts } from "./english.ts";

/** Korean texts. */
export const KOREAN_WORKFLOWS: Pick<Texts, "workflows"> = {
  workflows: {
    title: "워크플로",
    one: "워크플로 상세",
    back: "모든 워크플로",
    empty: "아직 워크플로가 없습니다. 제출해 보세요:",
    none: "이 페이지에는 이 키로 볼 수 있는 워크플로가 없습니다.",
    names: "작업",
    large: "큰 워크플로",
    done: "완료",
    progress: (done, total) => `${total}개 중 ${done}개`,
    structure: "구조",
    explanation: "화살표는 다음 단계를 가리킵니다. 위아래로 놓인 작업은 동시에 실행됩니다.",
    parallel: (count) => `동시에 ${count}개`,
    more: (count) => `${count}개 더`,
    callbacks: "성공 시",
    errbacks: "실패 시",
    raw: "JSON 워크플로",
  },
};
