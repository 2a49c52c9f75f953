use super::Explored;

#[test]
fn how_much_was_explored_can_be_asked_for() {
    let explored = Explored { one: None, plans: 200, budget: 300, single_cuts: 150, cut_points: 4000, varied: 1200 };
    assert_eq!((explored.plans(), explored.budget()), (200, 300));
    assert_eq!((explored.single_cuts(), explored.cut_points(), explored.varied()), (150, 4000, 1200));
    assert_eq!(explored.places(), "with a cut at 150 of 4,000 places");
    let few = Explored { single_cuts: 4000, varied: 1, ..explored.clone() };
    assert_eq!(few.places(), "with a cut at each of 4,000 places");
    let rest = "the server did not send as much as in the first: cuts may have missed their places";
    assert_eq!(explored.variety(), Some(alloc::format!("in 1,200 plays {rest}")));
    assert_eq!(few.variety(), Some(alloc::format!("in 1 play {rest}")));
    assert_eq!(Explored::default().variety(), None);
}
